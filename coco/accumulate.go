package coco

import (
	"cmp"
	"math/bits"
	"slices"
)

const (
	recallPoints = 101
	spacing      = 0x1p-52 // numpy's spacing(1), which pycocotools adds to keep 0/0 away; it shows in the last digit
)

// classCurve has the sums of one class from which the metrics are computed.
type classCurve struct {
	objects   [numAreas]int                    // not ignored
	precision [numAreas][numThresholds]float64 // summed over the 101 recall points
	recall    [numAreas][numThresholds]float64 // with 100 detections per image
	recall1   [numThresholds]float64           // with 1, over all areas
	recall10  [numThresholds]float64           // with 10
}

// accumulate computes the curves of all classes from the verdicts. Classes run in parallel, the largest first for an even load. The
// rankings are nil if they are not requested.
func (p *problem) accumulate(ranking bool) ([]classCurve, []Ranking) {
	curves := make([]classCurve, len(p.gt.Categories))
	var rankings []Ranking
	if ranking {
		rankings = make([]Ranking, len(curves))
	}
	work := make([]int, len(curves))
	for k := range work {
		work[k] = k
	}
	slices.SortStableFunc(work, func(a, b int) int {
		return cmp.Compare(p.dtFrom[b+1]-p.dtFrom[b], p.dtFrom[a+1]-p.dtFrom[a])
	})
	parallel(len(work), func(c *accumulator, i int) {
		k := work[i]
		c.class(p, k, &curves[k])
		if ranking {
			rankings[k] = c.ranking(p)
		}
	})
	return curves, rankings
}

// accumulator is the scratch memory of one goroutine.
type accumulator struct {
	rows    []scored
	spare   []scored
	precise [numThresholds][]float64 // precision at the n-th true positive
}

// scored is a detection in the order of its class.
type scored struct {
	key uint64 // ascending key is descending score
	at  int32  // row of the problem
}

func (c *accumulator) class(p *problem, k int, out *classCurve) {
	for _, row := range p.gtRow[p.gtFrom[k]:p.gtFrom[k+1]] {
		a := &p.gt.Annotations[row]
		for i, r := range p.areas {
			if !p.ignored(a) && r.holds(a.Area) {
				out.objects[i]++
			}
		}
	}
	c.rows = c.rows[:0]
	for at := p.dtFrom[k]; at < p.dtFrom[k+1]; at++ {
		if p.rank[at] < maxDetections {
			c.rows = append(c.rows, scored{descending(p.dt.Score[p.dtRow[at]]), at})
		}
	}
	c.sort()
	for area := range numAreas {
		if out.objects[area] > 0 {
			c.area(p, area, out)
		}
	}
}

// area accumulates the detections of a class in descending score order, for all thresholds at once.
func (c *accumulator) area(p *problem, area int, out *classCurve) {
	objects := float64(out.objects[area])
	var truePositives, falsePositives, first, ten [numThresholds]int
	for t := range c.precise {
		c.precise[t] = c.precise[t][:0]
	}
	everywhere := 0 // false positives at all thresholds
	for _, row := range c.rows {
		v := p.verdict[row.at][area]
		counted := ^(v >> ignoreShift) & allThresholds
		tp := v & counted
		fp := counted &^ tp
		if fp == allThresholds {
			everywhere++
			continue
		}
		for ; fp != 0; fp &= fp - 1 {
			falsePositives[bits.TrailingZeros32(fp)]++
		}
		for ; tp != 0; tp &= tp - 1 {
			t := bits.TrailingZeros32(tp)
			truePositives[t]++
			n := float64(truePositives[t])
			c.precise[t] = append(c.precise[t], n/(float64(falsePositives[t]+everywhere)+n+spacing))
			if p.rank[row.at] < 10 {
				ten[t]++
				if p.rank[row.at] == 0 {
					first[t]++
				}
			}
		}
	}
	for t := range numThresholds {
		out.recall[area][t] = float64(truePositives[t]) / objects
		out.precision[area][t] = sumPrecision(c.precise[t], objects)
		if area == allAreas {
			out.recall1[t] = float64(first[t]) / objects
			out.recall10[t] = float64(ten[t]) / objects
		}
	}
}

// sumPrecision adds up the precision at 101 recall points.
func sumPrecision(precise []float64, objects float64) float64 {
	sum := 0.0
	readPrecision(precise, objects, func(_, n int) { sum += precise[n] })
	return sum
}

// readPrecision makes the precision at the n-th true positive monotone from the right and tells the n of each recall point
// that is reached. Between true positives precision only falls, so the values at true positives are all that is needed.
func readPrecision(precise []float64, objects float64, point func(point, n int)) {
	for n := len(precise) - 2; n >= 0; n-- {
		precise[n] = max(precise[n], precise[n+1])
	}
	n := 0
	step := 1.0 / (recallPoints - 1)
	for r := range recallPoints {
		threshold := float64(r) * step // numpy's linspace(0, 1, 101)
		for n < len(precise) && float64(n+1)/objects < threshold {
			n++
		}
		if n == len(precise) {
			break
		}
		point(r, n)
	}
}
