package ref

import (
	"fmt"
	"math"
	"slices"

	"scalenet/nn"
)

func roiAlign(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.RoIAlign:
		return operation{
			check: func(in []array) error { return checkRegions(in[len(in)-1], in[0].shape[0]) },
			run:   func(in []array) array { return roiAlignForward(op, in[:len(in)-1], in[len(in)-1]) }}, true
	case nn.RoIAlignGrad:
		return operation{
			check: func(in []array) error { return checkRegions(in[1], op.Images) },
			run:   func(in []array) array { return roiAlignGrad(op, in[0], in[1]) }}, true
	}
	return operation{}, false
}

// checkRegions wants finite corners and an image index below the number of
// images; a negative one is allowed.
func checkRegions(rois array, images int) error {
	for i := range rois.rows() {
		roi := rois.row(i)
		for _, v := range roi {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("region %d: %v is not finite", i, roi)
			}
		}
		if roi[0] >= float64(images) {
			return fmt.Errorf("region %d: image %g of %d", i, roi[0], images)
		}
	}
	return nil
}

// roiAlignForward is features (N, H, W, C) of each level, rois (R, 5) -> (R, Size, Size, C).
func roiAlignForward(r nn.RoIAlign, levels []array, rois array) array {
	y := zeros(rois.shape[0], r.Size, r.Size, levels[0].shape[3])
	for i, x := range levels {
		level := levelOf(r, i, len(levels))
		for at := range positions(y) {
			for _, s := range level.samples(rois, at, x.shape[1], x.shape[2]) {
				for c, v := range x.pixel(int(rois.row(at.n)[0]), s.h, s.w) {
					y.row(at.i)[c] += s.weight * v
				}
			}
		}
	}
	return y
}

// roiAlignGrad is dy (R, Size, Size, C), rois -> dfeatures.
func roiAlignGrad(r nn.RoIAlignGrad, dy, rois array) array {
	dx := zeros(r.Images, r.Height, r.Width, dy.shape[3])
	level := levelOf(r.RoIAlign, r.Level, r.Levels)
	for at := range positions(dy) {
		for _, s := range level.samples(rois, at, r.Height, r.Width) {
			for c, d := range dy.row(at.i) {
				dx.pixel(int(rois.row(at.n)[0]), s.h, s.w)[c] += s.weight * d
			}
		}
	}
	return dx
}

// roiLevel is RoIAlign on one level: with its scale, for RoIs with areas [low, high).
type roiLevel struct {
	nn.RoIAlign
	low, high float32
}

func levelOf(r nn.RoIAlign, i, n int) roiLevel {
	low, high := r.Areas(i, n)
	r.Scale = r.LevelScale(i)
	return roiLevel{r, low, high}
}

// sample is a feature pixel's share in a bin.
type sample struct {
	h, w   int
	weight float64
}

// samples are the feature pixels that make up bin (at.h, at.w) of region at.n,
// none where the region has a negative image index or is on another level.
func (r roiLevel) samples(rois array, at position, height, width int) (all []sample) {
	roi := rois.row(at.n)
	if roi[0] < 0 || !nn.OnLevel(float32(roi[1]), float32(roi[2]), float32(roi[3]), float32(roi[4]), r.low, r.high) {
		return nil
	}
	points := axisPoints[float64]
	if rois.single {
		points = axisPoints[float32]
	}
	rows := points(r.RoIAlign, roi[2], roi[4], at.h)
	cols := points(r.RoIAlign, roi[1], roi[3], at.w)
	count := float64(len(rows) * len(cols))
	for _, y := range rows {
		for _, x := range cols {
			for _, h := range r.between(y, height) {
				for _, w := range r.between(x, width) {
					all = append(all, sample{h.at, w.at, h.weight * w.weight / count})
				}
			}
		}
	}
	return all
}

// axisPoints are the coordinates, in feature pixels, of the sampling points of
// a bin along one axis of a region from low to high. They are computed in T,
// step by step as torchvision does, because their number depends on rounding.
func axisPoints[T float32 | float64](r nn.RoIAlign, low, high float64, bin int) []float64 {
	if r.Points != nn.BinPoints {
		return []float64{borderPoint[T](r, low, high, bin)}
	}
	offset := T(0)
	if r.Aligned {
		offset = 0.5
	}
	start := T(T(low)*T(r.Scale)) - offset
	end := T(T(high)*T(r.Scale)) - offset
	side := end - start
	if !r.Aligned {
		side = max(side, 1)
	}
	step := side / T(r.Size)
	count := r.Sampling
	if count == 0 {
		count = max(int(math.Ceil(float64(step))), 0)
	}
	points := make([]float64, count)
	for i := range points {
		within := T(T(T(i)+0.5)*step) / T(count)
		points[i] = float64(T(start+T(T(bin)*step)) + within)
	}
	return points
}

// borderPoint is the coordinate of jwyang's point of a bin, whose first and last
// ones are on the borders of the region.
func borderPoint[T float32 | float64](r nn.RoIAlign, low, high float64, bin int) float64 {
	start := T(T(low) * T(r.Scale))
	side := T(T(high)*T(r.Scale)) - start
	if r.Points == nn.JwyangAlign {
		side = max(side+1, 0)
	}
	return float64(start + T(T(bin)*T(side/T(r.Size-1))))
}

// between says which of n pixels make up the value at a coordinate. Of bins:
// none farther than a pixel outside, the border pixel where it is nearer.
func (r roiLevel) between(at float64, n int) []source {
	low := int(math.Floor(at))
	switch r.Points {
	case nn.JwyangAlign:
		if at < 0 || at >= float64(n) {
			return nil
		}
		if low = min(low, n-2); low < 0 {
			return []source{{0, 1}}
		}
		return []source{{low, 1 - (at - float64(low))}, {low + 1, at - float64(low)}}
	case nn.JwyangCrop:
		both := []source{{low, 1 - (at - float64(low))}, {low + 1, at - float64(low)}}
		return slices.DeleteFunc(both, func(s source) bool { return s.at < 0 || s.at >= n })
	}
	return betweenBins(at, n)
}

func betweenBins(at float64, n int) []source {
	if at < -1 || at > float64(n) {
		return nil
	}
	at = max(at, 0)
	low := int(at)
	if low >= n-1 {
		return []source{{n - 1, 1}}
	}
	return []source{{low, 1 - (at - float64(low))}, {low + 1, at - float64(low)}}
}
