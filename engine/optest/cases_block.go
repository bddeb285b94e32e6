package optest

import (
	"fmt"

	"scalenet/engine"
	"scalenet/nn"
)

const blockEps = 1e-5

// convBlocks has every combination of what can follow a convolution on a small
// shape, and the shapes of convolutions with some combinations each.
func convBlocks() (cases []Case) {
	small := convSetting{2, 5, 4, 5, 9, 3, nn.Conv2D{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}}
	wide := convSetting{1, 4, 3, 17, 16, 1, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}}
	for _, s := range []convSetting{small, wide} {
		for bits := range 16 {
			b := engine.ConvBlock{Conv2D: s.Conv2D, Bias: bits&1 > 0, Norm: engine.Norm{On: bits&2 > 0}, Residual: bits&4 > 0}
			if b.Norm.On {
				b.Norm.Eps, b.Norm.ScaleOnly = blockEps, bits&8 > 0
			} else if bits&8 > 0 {
				continue
			}
			for _, b.Activation = range []engine.Activation{"", engine.ReLU, engine.HardSwish} {
				cases = append(cases, convBlock(s, b, s.in))
			}
		}
	}
	for i, s := range convSettings() {
		b := engine.ConvBlock{Conv2D: s.Conv2D, Norm: engine.Norm{On: true, Eps: blockEps}, Residual: i%3 == 0}
		for _, b.Activation = range [][]engine.Activation{{engine.ReLU, engine.HardSwish}, {""}}[i%2] {
			cases = append(cases, convBlock(s, b, s.in))
		}
		norm := engine.Norm{}
		for range 2 {
			cases = append(cases, convBlockGrads(s, norm)...)
			norm = engine.Norm{On: true, Eps: blockEps}
		}
	}
	// A part of the weight's input channels: the terms of a convolution of a
	// concatenation. The whole weight has 29 of them.
	for _, from := range []int{0, 7, 29 - 17} {
		b := engine.ConvBlock{Conv2D: wide.Conv2D, From: from, To: from + wide.in, Norm: engine.Norm{On: true, Eps: blockEps}, Residual: true, Activation: engine.ReLU}
		cases = append(cases, convBlock(wide, b, 29))
		b.Norm.ScaleOnly = true
		cases = append(cases, convBlock(wide, b, 29))
		b.Norm, b.Residual, b.Bias = engine.Norm{}, false, true
		cases = append(cases, convBlock(wide, b, 29))
		for _, norm := range []engine.Norm{{}, {On: true, Eps: blockEps}} {
			cases = append(cases, convBlockGradInput(wide, norm, from, from+wide.in, 29))
		}
	}
	return cases
}

// convBlock is the block at a setting; the weight has `channels` input channels.
func convBlock(s convSetting, b engine.ConvBlock, channels int) Case {
	name := fmt.Sprintf("ConvBlock/%v%s%s%s%s%s", s, when(b.Bias, "+bias"), when(b.Norm.On, "+norm"),
		when(b.Norm.ScaleOnly, "(scale)"), when(b.Residual, "+residual"), when(b.Activation != "", "+"+string(b.Activation)))
	if b.To > 0 {
		name += fmt.Sprintf("/%d-%d", b.From, b.To)
	}
	in := []Input{s.x(), weight(s.out, channels/s.Groups, s.kernel, s.kernel)}
	if b.Bias {
		in = append(in, weight(s.out))
	}
	if b.Norm.On {
		in = append(in, weight(s.out), weight(s.out), weight(s.out), positive(s.out))
	}
	if b.Residual {
		in = append(in, s.dy())
	}
	return Case{Name: name, Op: b, In: in, Tolerance: Summed}
}

func convBlockGrads(s convSetting, norm engine.Norm) []Case {
	op := engine.ConvBlockGradWeight{Conv2DGradWeight: nn.Conv2DGradWeight{Conv2D: s.Conv2D, Kernel: s.kernel}, Norm: norm}
	in := []Input{s.x(), s.dy()}
	if norm.On {
		in = append(in, weight(s.out), positive(s.out))
	}
	return []Case{
		convBlockGradInput(s, norm, 0, 0, s.in),
		{Name: fmt.Sprintf("ConvBlockGradWeight/%v%s", s, when(norm.On, "+norm")), Op: op, In: in, Tolerance: Summed},
	}
}

func convBlockGradInput(s convSetting, norm engine.Norm, from, to, channels int) Case {
	op := engine.ConvBlockGradInput{
		Conv2DGradInput: nn.Conv2DGradInput{Conv2D: s.Conv2D, Height: s.h, Width: s.w},
		From:            from, To: to, Norm: norm,
	}
	in := []Input{s.dy(), weight(s.out, channels/s.Groups, s.kernel, s.kernel)}
	if norm.On {
		in = append(in, weight(s.out), positive(s.out))
	}
	name := fmt.Sprintf("ConvBlockGradInput/%v%s", s, when(norm.On, "+norm"))
	if to > 0 {
		name += fmt.Sprintf("/%d-%d", from, to)
	}
	return Case{Name: name, Op: op, In: in, Tolerance: Summed}
}

func otherBlocks() (cases []Case) {
	for i, s := range resizeSettings() {
		for bits := range 4 {
			op := engine.ResizeBlock{Resize2D: s.op(), Residual: bits&1 > 0, ReLU: bits&2 > 0}
			in := []Input{feature(s.n, s.fromH, s.fromW, s.channels)}
			if op.Residual {
				in = append(in, feature(s.n, s.toH, s.toW, s.channels))
			}
			if i%4 > 0 && bits == 0 {
				continue // Resize2D itself, which has its own cases
			}
			cases = append(cases, Case{Name: fmt.Sprintf("ResizeBlock/%v%s%s", s, when(op.Residual, "+residual"), when(op.ReLU, "+relu")),
				Op: op, In: in, Tolerance: Rounded})
		}
	}
	cases = append(cases, resizeSums()...)
	for _, x := range []nn.Shape{{2, 5, 4, 17}, {1, 1, 2, 3}, {2, 3, 3, 64}} {
		for bits := range 4 {
			op := engine.NormBlock{BatchNorm2D: nn.BatchNorm2D{Eps: blockEps}, Residual: bits&1 > 0, ReLU: bits&2 > 0}
			moments := Input{Shape: nn.Shape{2, x[3]}, Fill: Fill{Kind: Uniform, Low: 0.3, High: 1.2}}
			in := []Input{feature(x...), weight(x[3]), weight(x[3]), moments}
			if op.Residual {
				in = append(in, feature(x...))
			}
			cases = append(cases, Case{Name: fmt.Sprintf("NormBlock/%s%s%s", side(x), when(op.Residual, "+residual"), when(op.ReLU, "+relu")),
				Op: op, In: in, Tolerance: Summed})
		}
		for bits := range 4 {
			op := engine.ScaleBlock{Residual: bits&1 > 0, ReLU: bits&2 > 0}
			in := []Input{feature(x...), feature(x[0], 1, 1, x[3])}
			if op.Residual {
				in = append(in, feature(x...))
			}
			cases = append(cases, Case{Name: fmt.Sprintf("ScaleBlock/%s%s%s", side(x), when(op.Residual, "+residual"), when(op.ReLU, "+relu")),
				Op: op, In: in, Tolerance: Rounded})
		}
		cases = append(cases, Case{Name: "FrozenNormReLU/" + side(x), Op: engine.FrozenNormReLU{FrozenBatchNorm2D: nn.FrozenBatchNorm2D{Eps: blockEps}},
			In: []Input{feature(x...), weight(x[3]), weight(x[3]), weight(x[3]), positive(x[3])}, Tolerance: Summed})
	}
	for _, x := range []nn.Shape{{1}, {3, 5}, {2, 5, 3, 17}, {1, 4, 4, 64}} {
		cases = append(cases,
			Case{Name: "AddReLU/" + side(x), Op: engine.AddReLU{}, In: []Input{feature(x...), feature(x...)}, Tolerance: Rounded},
			Case{Name: "AddReLUGrad/" + side(x), Op: engine.AddReLUGrad{},
				In: []Input{filled(Fill{Kind: Levels}, x...), feature(x...), feature(x...)}, Tolerance: Rounded},
		)
	}
	cases = append(cases, Case{Name: "Cast/2x3x5x17", Op: engine.Cast{}, In: []Input{feature(2, 3, 5, 17)}, Tolerance: Rounded})
	return cases
}

// resizeSums are ResizeBlocks of several inputs, of different sizes: a
// ScaleNet block's branches, then sides that resizing does not just repeat.
func resizeSums() (cases []Case) {
	for _, mode := range []nn.ResizeMode{nn.Nearest, nn.Bilinear} {
		for _, sides := range [][]int{{14, 7}, {14, 7, 4}, {28, 9}, {5, 30, 28, 1}} {
			for bits := range 4 {
				op := engine.ResizeBlock{Resize2D: nn.Resize2D{Height: 28, Width: 28, Mode: mode}, More: len(sides) - 1,
					Residual: bits&1 > 0, ReLU: bits&2 > 0}
				var in []Input
				for _, s := range sides {
					in = append(in, feature(2, s, s, 70))
				}
				if op.Residual {
					in = append(in, feature(2, 28, 28, 70))
				}
				cases = append(cases, Case{
					Name: fmt.Sprintf("ResizeBlock/%s/sum%v%s%s", mode, side(sides), when(op.Residual, "+residual"), when(op.ReLU, "+relu")),
					Op:   op, In: in, Tolerance: Rounded})
			}
		}
	}
	return cases
}
