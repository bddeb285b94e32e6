package coco

import (
	"fmt"
	"io"
)

// Stats are the twelve COCO metrics: AP, AP50, AP75 and AP of small, medium and large objects with 100 detections per image, AR
// with 1, 10 and 100 detections per image, AR of small, medium and large objects. A metric without any object is -1.
type Stats [12]float64

// StatNames are the short names of the twelve metrics.
func StatNames() [12]string {
	return [12]string{"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"}
}

// AP returns the AP over IoU 0.50:0.95.
func (s Stats) AP() float64 { return s[0] }

// AP50 returns the AP at IoU 0.5.
func (s Stats) AP50() float64 { return s[1] }

// Print writes the summary of pycocotools, twelve lines.
func (s Stats) Print(w io.Writer) error {
	rows := [12]struct {
		title, iou, area string
		detections       int
	}{
		{"Average Precision  (AP)", "0.50:0.95", "all", 100}, {"Average Precision  (AP)", "0.50", "all", 100},
		{"Average Precision  (AP)", "0.75", "all", 100}, {"Average Precision  (AP)", "0.50:0.95", "small", 100},
		{"Average Precision  (AP)", "0.50:0.95", "medium", 100}, {"Average Precision  (AP)", "0.50:0.95", "large", 100},
		{"Average Recall     (AR)", "0.50:0.95", "all", 1}, {"Average Recall     (AR)", "0.50:0.95", "all", 10},
		{"Average Recall     (AR)", "0.50:0.95", "all", 100}, {"Average Recall     (AR)", "0.50:0.95", "small", 100},
		{"Average Recall     (AR)", "0.50:0.95", "medium", 100}, {"Average Recall     (AR)", "0.50:0.95", "large", 100},
	}
	for i, r := range rows {
		if _, err := fmt.Fprintf(w, " %s @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %0.3f\n", r.title, r.iou, r.area, r.detections, s[i]); err != nil {
			return err
		}
	}
	return nil
}

func summarise(classes []classCurve) (s Stats) {
	const at75 = 5 // threshold 0.75
	s[0] = meanPrecision(classes, allAreas, 0, numThresholds)
	s[1] = meanPrecision(classes, allAreas, 0, 1)
	s[2] = meanPrecision(classes, allAreas, at75, at75+1)
	s[6] = meanRecall(classes, allAreas, func(c *classCurve) *[numThresholds]float64 { return &c.recall1 })
	s[7] = meanRecall(classes, allAreas, func(c *classCurve) *[numThresholds]float64 { return &c.recall10 })
	for area := range numAreas {
		s[8+area] = meanRecall(classes, area, func(c *classCurve) *[numThresholds]float64 { return &c.recall[area] })
		if area != allAreas {
			s[2+area] = meanPrecision(classes, area, 0, numThresholds)
		}
	}
	return s
}

// meanPrecision averages over classes with objects of the area, thresholds from..to and recall points.
func meanPrecision(classes []classCurve, area, from, to int) float64 {
	sum, n := 0.0, 0
	for k := range classes {
		if classes[k].objects[area] == 0 {
			continue
		}
		n += (to - from) * recallPoints
		for _, v := range classes[k].precision[area][from:to] {
			sum += v
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}

// meanRecall averages over classes with objects of the area and thresholds.
func meanRecall(classes []classCurve, area int, recall func(*classCurve) *[numThresholds]float64) float64 {
	sum, n := 0.0, 0
	for k := range classes {
		if classes[k].objects[area] == 0 {
			continue
		}
		n += numThresholds
		for _, v := range recall(&classes[k]) {
			sum += v
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}
