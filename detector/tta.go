package detector

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/brief"
	"scalenet/internal/config"
	"scalenet/roi"
)

// TTA is test-time augmentation: objects are detected in several views of an image, mirrored and of several sizes, and the detections are merged.
// The zero value is the image alone.
//
// Merging is NMS over all views' detections, with the image's NMSIoU and PerImage, as in detectron2's GeneralizedRCNNWithTTA and in YOLO. A detection
// is that of the view which is surest of it, so scores are higher than without views, and so is the best threshold.
type TTA struct {
	// Flip adds a mirrored view of each size.
	Flip bool
	// Scales are the sizes of the views, as factors of Settings.Shorter and Longest; empty is 1. Each size needs a compiled plan, see Options.PlanBytes.
	Scales []float64 `option:"scales" validate:"max=16,dive,gte=0.1,lte=10"`
}

// defaultScales are those of "scales": a fifth smaller and larger.
func defaultScales() []float64 { return []float64{0.83, 1, 1.2} }

const wantTTA = "want flip, scales (0.83, 1 and 1.2), both, or scales of your own such as flip,0.8,1"

// ParseTTA reads views: a list of "flip", "scales" and numbers from 0.1 to 10, separated by commas. "" is the image alone.
func ParseTTA(text string) (t TTA, err error) {
	if strings.TrimSpace(text) == "" {
		return t, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		switch item = strings.TrimSpace(item); item {
		case "flip":
			t.Flip = true
		case "scales":
			t.Scales = append(t.Scales, defaultScales()...)
		default:
			v, err := strconv.ParseFloat(item, 64)
			if err != nil {
				return TTA{}, fmt.Errorf("%q: %s", brief.Text(item), wantTTA)
			}
			t.Scales = append(t.Scales, v)
		}
	}
	return t, t.Validate()
}

// Validate returns an error for scales that are out of range or occur twice.
func (t TTA) Validate() error {
	if err := config.Validate(t, ""); err != nil {
		return err
	}
	seen := map[float64]bool{}
	for _, s := range t.Scales {
		if seen[s] {
			return fmt.Errorf("scales: %v occurs twice", s)
		}
		seen[s] = true
	}
	return nil
}

// Views returns the number of views.
func (t TTA) Views() int {
	n := max(1, len(t.Scales))
	if t.Flip {
		n *= 2
	}
	return n
}

// view is one of the images that a query is detected in.
type view struct {
	Query
	mirrored bool
}

// views returns the views of a query: those of a size are consecutive, so that they share a batch.
func (q Query) views() ([]view, error) {
	t := q.Settings.TTA
	if !t.Flip && len(t.Scales) == 0 {
		return []view{{Query: q}}, nil
	}
	if err := t.Validate(); err != nil {
		return nil, err
	}
	scales := t.Scales
	if len(scales) == 0 {
		scales = []float64{1}
	}
	var mirrored *imaging.Image
	if t.Flip {
		mirrored = q.Image.FlipHorizontal()
	}
	var list []view
	for _, s := range scales {
		v := view{Query: q}
		v.Settings.TTA = TTA{}
		v.Settings.Shorter, v.Settings.Longest = scaled(q.Settings.Shorter, s), scaled(q.Settings.Longest, s)
		list = append(list, v)
		if t.Flip {
			v.Image, v.mirrored = mirrored, true
			list = append(list, v)
		}
	}
	return list, nil
}

func scaled(side int, by float64) int { return max(1, int(math.Round(float64(side)*by))) }

// merge returns the detections of a query from those of its views.
func merge(views []view, found [][]roi.Detection, limits roi.DetectionConfig) []roi.Detection {
	if len(views) == 1 {
		return found[0]
	}
	var all []roi.Detection
	var boxes []geom.Box
	var scores []float32
	var classes []int32
	for i, v := range views {
		for _, x := range found[i] {
			if v.mirrored {
				x.Box = geom.Continuous.FlipHorizontal(x.Box, v.Size().W)
			}
			all, boxes, scores, classes = append(all, x), append(boxes, x.Box), append(scores, x.Score), append(classes, x.Class)
		}
	}
	merged := []roi.Detection{}
	for _, i := range geom.Continuous.BatchedNMS(boxes, scores, classes, limits.NMSIoU, limits.PerImage) {
		merged = append(merged, all[i])
	}
	return merged
}
