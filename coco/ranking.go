package coco

import "math/bits"

// RecallPoints is the number of recall thresholds, 0:0.01:1, that precision is read at.
const RecallPoints = recallPoints

// Ranking is what became of a class's detections over all areas, the highest score first. Bit t of Found and Ignored is about
// IoU 0.5 + 0.05 t: neither is a false positive. Detections beyond 100 an image are not in it.
type Ranking struct {
	Row     []int32  // index into Results
	Image   []int32  // index into Dataset.Images
	Found   []uint16 // matched an object, ignored ones included
	Ignored []uint16 // matched an ignored object
}

// ranking copies the rows of the class at hand.
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

// Curve is precision over recall at an IoU. Scores are those of the last detection that is needed for the recall.
type Curve struct {
	Precision [RecallPoints]float64 // monotone; 0 beyond the largest recall
	Score     [RecallPoints]float64 // 0 beyond the largest recall
}

// Curve is the precision-recall curve at IoU 0.5 + 0.05 t of a class with the given number of objects.
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

// Weigher computes average precision with every image there any number of times, as a bootstrap draws them.
type Weigher struct {
	precise [numThresholds][]float64 // scratch
}

// AP is a class's average precision over IoU 0.50:0.95, image i being there weight[i] times; objects are those in all of these
// images. It is -1 without objects. It equals the figure of a data set in which the copies of an image follow each other.
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

// AreaFigures are the figures of the objects whose area is in a range.
type AreaFigures struct {
	AreaRange
	Objects  int
	AP, AP50 float64
	AR       float64 // with 100 detections an image
}

// ByArea gives the figures of the objects of each range: of 0..1024 they are those of small objects. Objects of several ranges
// count in each.
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
