package analysis

import "scalenet/coco"

// ConfusionMatrix counts objects by true and detected class. It equals that of hotcoco, except that detections on ignored objects
// are excluded.
type ConfusionMatrix struct {
	IoU   float64 // minimum IoU of a match
	Score float64 // minimum score of a detection
	// Count[i][j] is the number of objects of class i detected as class j, both from 0. The last row and column are
	// background: Count[i][K] objects were missed, Count[K][j] detections match no object.
	Count [][]int
}

// Confusion matches detections, in descending score order, to the unmatched object of highest IoU of any class.
func Confusion(gt *coco.Dataset, dt *coco.Results, iou, score float64) ConfusionMatrix {
	return confusionOf(gt, scenes(gt, dt), iou, score)
}

func confusionOf(gt *coco.Dataset, all []scene, iou, score float64) ConfusionMatrix {
	k := len(gt.Categories)
	m := ConfusionMatrix{IoU: iou, Score: score, Count: make([][]int, k+1)}
	for i := range m.Count {
		m.Count[i] = make([]int, k+1)
	}
	for i := range all {
		m.add(&all[i])
	}
	return m
}

func (m *ConfusionMatrix) add(s *scene) {
	background := len(m.Count) - 1
	taken, ignoring := make([]bool, len(s.objects)), s.ignoring(m.IoU)
	for i := range s.detections[:min(len(s.detections), maxDetections)] {
		d := &s.detections[i]
		if d.score < m.Score {
			break
		}
		at, best := -1, 0.0
		for j, a := range s.objects {
			if v := coco.Overlap(d.box, &a.Box, false); !taken[j] && v >= m.IoU && v > best {
				at, best = j, v
			}
		}
		switch {
		case at >= 0:
			taken[at] = true
			m.Count[s.objects[at].Class-1][d.class-1]++
		case !ignoring.takes(d):
			m.Count[background][d.class-1]++
		}
	}
	for j, a := range s.objects {
		if !taken[j] {
			m.Count[a.Class-1][background]++
		}
	}
}
