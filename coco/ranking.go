package coco

import "math/bits"

// RecallPoints is the number of recall thresholds, 0:0.01:1, that precision is read at.
const RecallPoints = recallPoints

// Ranking has the matches of the detections of one class, of all object sizes, in descending score order. Bit t of Found and
// Ignored refers to IoU threshold 0.5 + 0.05t. A detection with neither bit set is a false positive at that threshold.
// Detections beyond 100 per image are left out.
type Ranking struct {
	Row     []int32  // index into Results
	Image   []int32  // index into Dataset.Images
	Found   []uint16 // matched an object, which may be ignored
	Ignored []uint16 // matched an ignored object
}

// ranking copies the rows of the current class.
func (c *accumulator) ranking(p *problem) Ranking {
	n := len(c.rows)
	r := Ranking{make([]int32, n), make([]int32, n), make([]uint16, n), make([]uint16, n)}
	for i, row := range c.rows {
		v := p.verdict[row.at][allAreas]
		r.Row[i], r.Image[i] = p.dtRow[row.at], p.imageAt[p.dtImage[row.at]]
		r.Found[i], r.Ignored[i] = uint16(v&allThresholds), uint16(v>>ignoreShift)
	}
	return r
}

// Curve is a precision-recall curve at one IoU threshold. Score is the score threshold at which the recall is reached.
type Curve struct {
	Precision [RecallPoints]float64 // monotone; 0 beyond the largest recall
	Score     [RecallPoints]float64 // 0 beyond the largest recall
}

// Curve returns the precision-recall curve at IoU threshold 0.5 + 0.05t, for a class with the given number of objects.
func (r *Ranking) Curve(t, objects int, dt *Results) (c Curve) {
	var precise, scores []float64 // at each true positive
	bit := uint16(1) << t
	truePositives, falsePositives := 0.0, 0.0
	for i, row := range r.Row {
		switch {
		case r.Ignored[i]&bit != 0:
		case r.Found[i]&bit != 0:
			truePositives++
			precise = append(precise, truePositives/(falsePositives+truePositives+spacing))
			scores = append(scores, dt.Score[row])
		default:
			falsePositives++
		}
	}
	readPrecision(precise, float64(objects), func(point, n int) { c.Precision[point], c.Score[point] = precise[n], scores[n] })
	return c
}

// Weigher computes AP with an integer weight per image, for bootstrap resampling.
type Weigher struct {
	precise [numThresholds][]float64 // scratch
}

// AP returns the AP of a class over IoU 0.50:0.95, with image i repeated weight[i] times. objects is the weighted number of
// objects. It returns -1 if there are none. The result equals that of a data set with consecutive copies of each image.
func (w *Weigher) AP(r *Ranking, objects int, weight []int32) float64 {
	if objects == 0 {
		return -1
	}
	var truePositives, falsePositives [numThresholds]int
	for t := range w.precise {
		w.precise[t] = w.precise[t][:0]
	}
	everywhere := 0 // false positives at all thresholds
	for i, image := range r.Image {
		n := int(weight[image])
		if n == 0 {
			continue
		}
		counted := ^r.Ignored[i] & allThresholds
		tp := counted & r.Found[i]
		fp := counted &^ tp
		if fp == allThresholds {
			everywhere += n
			continue
		}
		for ; fp != 0; fp &= fp - 1 {
			falsePositives[bits.TrailingZeros16(fp)] += n
		}
		for ; tp != 0; tp &= tp - 1 {
			t := bits.TrailingZeros16(tp)
			for range n {
				truePositives[t]++
				tps := float64(truePositives[t])
				w.precise[t] = append(w.precise[t], tps/(float64(falsePositives[t]+everywhere)+tps+spacing))
			}
		}
	}
	sum := 0.0
	for t := range numThresholds {
		sum += sumPrecision(w.precise[t], float64(objects))
	}
	return sum / (numThresholds * recallPoints)
}

// AreaFigures are the metrics of the objects whose area is in a range.
type AreaFigures struct {
	AreaRange
	Objects  int
	AP, AP50 float64
	AR       float64 // with 100 detections per image
}

// ByArea returns the metrics for each area range, in square pixels. The range 0..1024 gives the metrics of small objects. Ranges
// may overlap.
func (v Evaluator) ByArea(gt *Dataset, dt *Results, ranges []AreaRange) ([]AreaFigures, error) {
	figures := make([]AreaFigures, 0, len(ranges))
	for from := 0; from < len(ranges); from += numAreas {
		group := ranges[from:min(from+numAreas, len(ranges))]
		var areas [numAreas]AreaRange
		copy(areas[:], group)
		p, err := v.arrange(gt, dt, areas)
		if err != nil {
			return nil, err
		}
		p.match()
		classes, _ := p.accumulate(false)
		for a, r := range group {
			f := AreaFigures{AreaRange: r, AP: meanPrecision(classes, a, 0, numThresholds), AP50: meanPrecision(classes, a, 0, 1),
				AR: meanRecall(classes, a, func(c *classCurve) *[numThresholds]float64 { return &c.recall[a] })}
			for k := range classes {
				f.Objects += classes[k].objects[a]
			}
			figures = append(figures, f)
		}
	}
	return figures, nil
}
