package optest

import (
	"fmt"

	"scalenet/nn"
)

func pools() (cases []Case) {
	settings := []struct {
		kernel, stride, pad int
		x                   nn.Shape
	}{
		{2, 2, 0, nn.Shape{1, 6, 4, 3}},
		{2, 2, 0, nn.Shape{2, 7, 5, 17}},
		{3, 2, 1, nn.Shape{1, 9, 8, 5}},
		{3, 2, 1, nn.Shape{2, 8, 9, 64}},
		{3, 2, 1, nn.Shape{1, 1, 1, 9}},
		{3, 1, 1, nn.Shape{1, 1, 6, 1}},
		{4, 4, 0, nn.Shape{1, 13, 8, 9}},
		{7, 7, 0, nn.Shape{2, 7, 15, 5}},
		{2, 1, 1, nn.Shape{1, 4, 3, 3}},
		{1, 2, 0, nn.Shape{1, 5, 6, 55}},
	}
	for _, s := range settings {
		maximum, mean := nn.MaxPool2D{Kernel: s.kernel, Stride: s.stride, Pad: s.pad}, nn.AvgPool2D{Kernel: s.kernel, Stride: s.stride, Pad: s.pad}
		dy, err := maximum.OutShape([]nn.Shape{s.x})
		if err != nil {
			panic(err)
		}
		name := fmt.Sprintf("k%ds%dp%d/%s", s.kernel, s.stride, s.pad, side(s.x))
		distinct, levels := filled(Fill{Kind: Distinct}, s.x...), filled(Fill{Kind: Levels}, s.x...)
		cases = append(cases,
			Case{Name: "MaxPool2D/" + name, Op: maximum, In: []Input{distinct}, Tolerance: Exact},
			Case{Name: "MaxPool2D/ties/" + name, Op: maximum, In: []Input{levels}, Tolerance: Exact},
			// Windows overlap where the stride is below the kernel: a sum.
			Case{Name: "MaxPool2DGrad/" + name, Op: nn.MaxPool2DGrad{MaxPool2D: maximum},
				In: []Input{distinct, feature(dy...)}, Tolerance: Rounded},
			Case{Name: "MaxPool2DGrad/ties/" + name, Op: nn.MaxPool2DGrad{MaxPool2D: maximum},
				In: []Input{levels, feature(dy...)}, Tolerance: Rounded},
			Case{Name: "AvgPool2D/" + name, Op: mean, In: []Input{feature(s.x...)}, Tolerance: Rounded},
			Case{Name: "AvgPool2DGrad/" + name, Op: nn.AvgPool2DGrad{AvgPool2D: mean, Height: s.x[1], Width: s.x[2]},
				In: []Input{feature(dy...)}, Tolerance: Rounded},
		)
	}
	cases = append(cases, ceilPools()...)
	for _, x := range []nn.Shape{{1, 1, 1, 1}, {2, 7, 5, 17}, {4, 3, 1, 195}, {1, 14, 14, 64}} {
		cases = append(cases,
			Case{Name: "GlobalAvgPool2D/" + side(x), Op: nn.GlobalAvgPool2D{}, In: []Input{feature(x...)}, Tolerance: Summed},
			Case{Name: "GlobalAvgPool2DGrad/" + side(x), Op: nn.GlobalAvgPool2DGrad{Height: x[1], Width: x[2]},
				In: []Input{feature(x[0], x[3])}, Tolerance: Rounded},
		)
	}
	return cases
}

// ceilPools are max pools whose sides round up: windows that reach over the edge.
func ceilPools() (cases []Case) {
	for _, s := range []struct {
		pool nn.MaxPool2D
		x    nn.Shape
	}{
		{nn.MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, nn.Shape{1, 8, 9, 5}},
		{nn.MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, nn.Shape{2, 2, 10, 64}},
		{nn.MaxPool2D{Kernel: 2, Stride: 2, Ceil: true}, nn.Shape{1, 7, 6, 17}},
		{nn.MaxPool2D{Kernel: 2, Stride: 3, Pad: 1, Ceil: true}, nn.Shape{1, 5, 6, 3}},
	} {
		dy, err := s.pool.OutShape([]nn.Shape{s.x})
		if err != nil {
			panic(err)
		}
		name := fmt.Sprintf("ceil/k%ds%dp%d/%s", s.pool.Kernel, s.pool.Stride, s.pool.Pad, side(s.x))
		distinct := filled(Fill{Kind: Distinct}, s.x...)
		cases = append(cases,
			Case{Name: "MaxPool2D/" + name, Op: s.pool, In: []Input{distinct}, Tolerance: Exact},
			Case{Name: "MaxPool2DGrad/" + name, Op: nn.MaxPool2DGrad{MaxPool2D: s.pool},
				In: []Input{distinct, feature(dy...)}, Tolerance: Rounded},
		)
	}
	return cases
}

// resizeSettings are sizes from and to, by mode.
func resizeSettings() (settings []resizeSetting) {
	sizes := map[nn.ResizeMode][][4]int{
		nn.Nearest: {
			{3, 4, 6, 8}, {2, 3, 8, 12}, {2, 1, 14, 7}, {1, 1, 7, 7}, {1, 1, 1, 2},
			{4, 5, 9, 11}, {9, 11, 4, 5}, {8, 6, 4, 3}, {7, 7, 1, 1}, {5, 6, 5, 12},
		},
		nn.Bilinear: {
			{3, 4, 6, 8}, {2, 3, 8, 12}, {7, 7, 28, 28}, {1, 1, 7, 7}, {1, 5, 3, 5},
			{4, 5, 9, 11}, {9, 11, 4, 5}, {28, 14, 7, 7}, {7, 7, 1, 1}, {2, 2, 3, 3},
		},
	}
	channels := []int{3, 17, 1, 5, 55, 9, 16, 62, 195, 3}
	for _, mode := range []nn.ResizeMode{nn.Nearest, nn.Bilinear} {
		for i, s := range sizes[mode] {
			settings = append(settings, resizeSetting{mode, 1 + i%2, s[0], s[1], s[2], s[3], channels[i]})
		}
	}
	return settings
}

type resizeSetting struct {
	mode                                nn.ResizeMode
	n, fromH, fromW, toH, toW, channels int
}

func (s resizeSetting) String() string {
	return fmt.Sprintf("%s/%dx%dx%dx%d-%dx%d", s.mode, s.n, s.fromH, s.fromW, s.channels, s.toH, s.toW)
}

func (s resizeSetting) op() nn.Resize2D {
	return nn.Resize2D{Height: s.toH, Width: s.toW, Mode: s.mode}
}

func resizes() (cases []Case) {
	for _, s := range resizeSettings() {
		tolerance := Rounded
		if s.mode == nn.Nearest {
			tolerance = Exact
		}
		cases = append(cases,
			Case{Name: fmt.Sprintf("Resize2D/%v", s), Op: s.op(), Tolerance: tolerance,
				In: []Input{feature(s.n, s.fromH, s.fromW, s.channels)}},
			Case{Name: fmt.Sprintf("Resize2DGrad/%v", s), Op: nn.Resize2DGrad{Height: s.fromH, Width: s.fromW, Mode: s.mode},
				Tolerance: Summed, In: []Input{feature(s.n, s.toH, s.toW, s.channels)}},
		)
	}
	return cases
}

// regionValues are rois in an image of 144x176 pixels: whole, ordinary, one
// pixel, no area, inverted, across the border, outside, of no image, tiny
// between pixels, long and thin.
func regionValues() []float64 {
	return []float64{
		0, 0, 0, 176, 144,
		1, 20, 33, 85, 120,
		0, 8, 8, 9, 9,
		0, 40, 50, 40, 50,
		1, 90, 80, 60, 50,
		0, -40, -30, 30, 25,
		1, 150, 120, 230, 200,
		0, 500, 500, 600, 700,
		1, -300, -200, -100, -90,
		-1, 10, 10, 90, 90,
		1, 100.25, 63.5, 100.75, 63.625,
		0, 3, 70, 171, 72,
	}
}

func regions() (cases []Case) {
	settings := []struct {
		size, sampling, channels int
		aligned                  bool
	}{
		{7, 2, 5, true}, {7, 2, 5, false}, {7, 0, 3, true}, {7, 0, 3, false},
		{2, 0, 17, true}, {1, 0, 1, false}, {14, 1, 3, true}, {3, 2, 195, false}, {2, 3, 16, true},
	}
	rois := filled(Fill{Kind: Given, Values: regionValues()}, len(regionValues())/5, 5)
	for _, s := range settings {
		op := nn.RoIAlign{Size: s.size, Scale: 1. / 16, Sampling: s.sampling, Aligned: s.aligned}
		name := fmt.Sprintf("size%d/sampling%d%s/%d", s.size, s.sampling, when(s.aligned, "/aligned"), s.channels)
		cases = append(cases,
			Case{Name: "RoIAlign/" + name, Op: op, In: []Input{feature(2, 9, 11, s.channels), rois}, Tolerance: Summed},
			Case{Name: "RoIAlignGrad/" + name, Op: nn.RoIAlignGrad{RoIAlign: op, Images: 2, Height: 9, Width: 11, Levels: 1},
				In: []Input{feature(rois.Shape[0], s.size, s.size, s.channels), rois}, Tolerance: Summed},
		)
	}
	cases = append(append(cases, pyramidRegions()...), jwyangRegions(rois)...)
	one := nn.RoIAlign{Size: 2, Scale: 1, Aligned: true}
	pixel := filled(Fill{Kind: Given, Values: []float64{0, 0, 0, 1, 1}}, 1, 5)
	return append(cases, Case{Name: "RoIAlign/one-pixel-image", Op: one, In: []Input{feature(1, 1, 1, 3), pixel}, Tolerance: Summed})
}

// jwyangRegions are RoIs with the points of jwyang's detector.
func jwyangRegions(rois Input) (cases []Case) {
	for _, points := range []nn.RoIPoints{nn.JwyangAlign, nn.JwyangCrop} {
		for _, s := range []struct{ size, h, w, channels int }{{8, 9, 11, 5}, {14, 9, 11, 3}, {2, 9, 11, 195}, {3, 1, 2, 16}} {
			op := nn.RoIAlign{Size: s.size, Scale: 1. / 16, Points: points}
			name := fmt.Sprintf("%s/size%d/%d", points, s.size, s.channels)
			cases = append(cases,
				Case{Name: "RoIAlign/" + name, Op: op, In: []Input{feature(2, s.h, s.w, s.channels), rois}, Tolerance: Summed},
				Case{Name: "RoIAlignGrad/" + name, Op: nn.RoIAlignGrad{RoIAlign: op, Images: 2, Height: s.h, Width: s.w, Levels: 1},
					In: []Input{feature(rois.Shape[0], s.size, s.size, s.channels), rois}, Tolerance: Summed},
			)
		}
	}
	return cases
}

// pyramidRegions are RoIs on three levels of strides 4, 8 and 16, some exactly between two of them.
func pyramidRegions() (cases []Case) {
	rois := []float64{
		0, 3, 5, 31, 33, // side 28: the finest level and smaller
		1, 0, 0, 56, 56, // exactly between the first two
		0, 1, 2, 56.99, 58, // just below
		1, 4, 3, 90, 70,
		0, 0, 0, 112, 112, // exactly between the last two
		1, -20, -10, 150, 130,
		0, 10, 10, 10, 90, // no area
		0, 50, 50, 50, 50, // a point
		-1, 0, 0, 60, 60, // no image
		0, 0, 0, 700, 800, // above the last level
		1, 5, 5, 120, 118,
	}
	n := len(rois) / 5
	given := filled(Fill{Kind: Given, Values: rois}, n, 5)
	level := []Input{feature(2, 30, 34, 6), feature(2, 15, 17, 6), feature(2, 8, 9, 6)}
	for _, formula := range []nn.LevelFormula{nn.TorchvisionLevels, nn.Detectron2Levels, nn.MMDetectionLevels} {
		op := nn.RoIAlign{Size: 3, Scale: 1. / 4, Sampling: 2, Mapper: nn.LevelMapper{Size: 112, Level: 4, Formula: formula}}
		if formula == nn.Detectron2Levels {
			op.Sampling, op.Aligned = 0, true
		}
		cases = append(cases, Case{Name: "RoIAlign/levels/" + string(formula), Op: op, In: append(level[:3:3], given), Tolerance: Summed})
		for i, x := range level {
			grad := nn.RoIAlignGrad{RoIAlign: op, Images: 2, Height: x.Shape[1], Width: x.Shape[2], Level: i, Levels: 3}
			cases = append(cases, Case{Name: fmt.Sprintf("RoIAlignGrad/levels/%s/%d", formula, i), Op: grad, In: []Input{feature(n, 3, 3, 6), given}, Tolerance: Summed})
		}
	}
	return cases
}
