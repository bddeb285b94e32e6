package detector

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalenet/internal/brief"
	"scalenet/internal/config"
	"scalenet/roi"
)

// maxPerImage is the largest roi.DetectionConfig.PerImage.
const maxPerImage = 1 << 16

// Choice is which detections a user wants, for any model. The zero value is all of at least DefaultThreshold, with the model's own NMS and top k.
type Choice struct {
	Threshold Threshold
	// Classes are names or ids of classes; empty is all.
	Classes []string
	// Max is the maximum number of detections per image, the highest-scored of Classes; 0 is the model's own.
	Max int `option:"max" validate:"gte=0,lte=65536"`
	// NMS is the IoU above which a box suppresses others of its class; nil is the model's own.
	NMS *float64 `option:"nms" validate:"omitempty,gte=0,lte=1"`
}

// ParseClasses reads class names or ids, separated by commas. A name with a comma is put in double quotes.
func ParseClasses(text string) (classes []string, err error) {
	items, err := commaSeparated(text)
	if err != nil || slices.Contains(items, "") {
		return nil, fmt.Errorf("%q: want class names, separated by commas", brief.Text(text))
	}
	for _, item := range items {
		classes = append(classes, strings.TrimSpace(item))
	}
	return classes, nil
}

// Selection is a Choice for a model.
type Selection struct {
	scores  MinScores // infinite for classes that are not wanted
	most    int       // 0: no limit
	own     bool      // most is the model's own
	nms     float64
	classes int // number of the model's classes, if not all are wanted; else 1
}

// NewSelection returns the selection of at most `most` detections per image (0: no limit beyond the model's own of each run) that reach their scores, after NMS
// at the IoU nms.
func NewSelection(scores MinScores, most int, nms float64) Selection {
	return Selection{scores: slices.Clone(scores), most: most, nms: nms, classes: 1}
}

// Only returns the selection without the classes for which wanted is false; wanted[k-1] is about class k of a Detection.
func (s Selection) Only(wanted []bool) Selection {
	s.scores = slices.Clone(s.scores)
	for k := range wanted {
		if !wanted[k] {
			s.scores[k] = float32(math.Inf(1))
			s.classes = len(wanted)
		}
	}
	return s
}

// AtMost returns the selection with no more than n detections per image.
func (s Selection) AtMost(n int) Selection {
	if s.most == 0 || n < s.most {
		s.most, s.own = n, false
	}
	return s
}

// Merged returns the selection for detections of several tiles of an image: the model's own number is the limit of a tile, so that it is none of theirs.
func (s Selection) Merged() Selection {
	if s.own {
		s.most = 0
	}
	return s
}

// For checks the ranges and the classes. A class that the model does not have is an error, which suggests a similar one.
func (c Choice) For(m *Model) (Selection, error) {
	if err := config.Validate(c, ""); err != nil {
		return Selection{}, err
	}
	own := m.Settings().Detections
	most, nms := own.PerImage, own.NMSIoU
	if c.Max > 0 {
		most = c.Max
	}
	if c.NMS != nil {
		nms = *c.NMS
	}
	scores, err := c.Threshold.For(m)
	s := NewSelection(scores, most, nms)
	s.own = c.Max == 0
	if err != nil || len(c.Classes) == 0 {
		return s, err
	}
	wanted := make([]bool, len(m.Classes))
	for _, class := range c.Classes {
		k, err := classOf(class, m.Classes)
		if err != nil {
			return Selection{}, err
		}
		wanted[k] = true
	}
	return s.Only(wanted), nil
}

// classOf returns the index of a class that is given by its name or its id.
func classOf(class string, names []string) (int, error) {
	if k := indexOfClass(names, class); k >= 0 {
		return k, nil
	}
	if id, err := strconv.Atoi(class); err == nil && id >= 1 && id <= len(names) {
		return id - 1, nil
	}
	return 0, unknownClass(class, names)
}

// Apply sets the post-processing of an image, so that Keep finds all that is wanted among its detections, and little else. NMS keeps the highest-scored
// boxes of each class, so with as many times more boxes as there are classes, those of the wanted classes are not crowded out by others.
func (s Selection) Apply(to *Settings) {
	d := &to.Detections
	d.NMSIoU = s.nms
	d.PerImage = min(min(max(d.PerImage, s.most), maxPerImage)*s.classes, maxPerImage) // the product of a user's number may overflow
	s.scores.Narrow(d)
}

// Keep returns the wanted detections, in their order. It reuses found.
func (s Selection) Keep(found []roi.Detection) []roi.Detection {
	kept := s.scores.Keep(found)
	if s.most == 0 {
		return kept
	}
	return kept[:min(len(kept), s.most)]
}

// Wanted reports whether Keep keeps a detection of a class and score, but for the maximum number.
func (s Selection) Wanted(class int32, score float32) bool { return score >= s.scores[class-1] }

// Lowered returns the selection with scores of at most the given one for the wanted classes: a tracker follows objects through frames in which their
// score is low.
func (s Selection) Lowered(score float32) Selection {
	s.scores = slices.Clone(s.scores)
	for k, v := range s.scores {
		if !math.IsInf(float64(v), 1) {
			s.scores[k] = min(v, score)
		}
	}
	return s
}
