package analysis

import "scalenet/coco"

// ConfusionMatrix counts what objects are taken for. Its figures are hotcoco's, but for detections on ignored regions, which are
// left out here.
type ConfusionMatrix struct {
	IoU   float64 // from which a detection is about an object
	Score float64 // of the detections that count, at least
	// Count[i][j] are the objects of class i that were taken for class j, numbered from 0. The last row and column are the
	// background: Count[i][K] were missed, Count[K][j] are detections of nothing.
	Count [][]int
}

// Confusion pairs detections, the highest score first, with the object of any class that they overlap most and that is still free.
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
	taken := make([]bool, len(s.objects))
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
		case !s.inIgnored(d, m.IoU):
			m.Count[background][d.class-1]++
		}
	}
	for j, a := range s.objects {
		if !taken[j] {
			m.Count[a.Class-1][background]++
		}
	}
}
