package optest

import (
	"fmt"

	"scalenet/nn"
)

// convSetting is a convolution at a shape.
type convSetting struct {
	n, h, w, in, out, kernel int
	nn.Conv2D
}

func (s convSetting) String() string {
	return fmt.Sprintf("k%ds%dp%dd%dg%d/%dx%dx%dx%d-%d", s.kernel, s.Stride, s.Pad, s.Dilation, s.Groups, s.n, s.h, s.w, s.in, s.out)
}

func (s convSetting) x() Input { return feature(s.n, s.h, s.w, s.in) }

func (s convSetting) dy() Input {
	return feature(s.n, s.OutSide(s.h, s.kernel), s.OutSide(s.w, s.kernel), s.out)
}

func (s convSetting) weight() Input { return weight(s.out, s.in/s.Groups, s.kernel, s.kernel) }

func convSettings() []convSetting {
	c := func(stride, pad, dilation, groups int) nn.Conv2D {
		return nn.Conv2D{Stride: stride, Pad: pad, Dilation: dilation, Groups: groups}
	}
	return []convSetting{
		// 1x1
		{1, 1, 1, 1, 1, 1, c(1, 0, 1, 1)},
		{2, 5, 7, 3, 9, 1, c(1, 0, 1, 1)},
		{1, 7, 5, 17, 5, 1, c(2, 0, 1, 1)},
		{2, 8, 6, 16, 32, 1, c(2, 0, 1, 1)},
		{1, 4, 5, 195, 62, 1, c(1, 0, 1, 1)},
		{3, 3, 2, 62, 195, 1, c(1, 0, 1, 1)},
		{1, 14, 14, 64, 48, 1, c(1, 0, 1, 1)},
		{1, 3, 3, 5, 3, 1, c(1, 1, 1, 1)},
		// 3x3
		{1, 9, 6, 3, 17, 3, c(1, 1, 1, 1)},
		{2, 8, 7, 9, 5, 3, c(2, 1, 1, 1)},
		{1, 1, 1, 5, 3, 3, c(1, 1, 1, 1)},
		{2, 3, 3, 17, 1, 3, c(1, 0, 1, 1)},
		{1, 1, 13, 3, 5, 3, c(1, 1, 1, 1)},
		{1, 20, 1, 5, 3, 3, c(2, 1, 1, 1)},
		{1, 7, 7, 55, 55, 3, c(1, 1, 1, 1)},
		{2, 9, 10, 32, 16, 3, c(1, 1, 1, 1)},
		{1, 10, 9, 16, 64, 3, c(2, 1, 1, 1)},
		// 3x3 as Winograd's method takes it: whole tiles and cut ones, sides of 1 and 2, channels that fill no vector, many tiles
		{1, 8, 8, 16, 16, 3, c(1, 1, 1, 1)},
		{2, 13, 11, 17, 9, 3, c(1, 1, 1, 1)},
		{1, 12, 16, 40, 30, 3, c(1, 1, 1, 1)},
		{1, 1, 37, 19, 33, 3, c(1, 1, 1, 1)},
		{5, 41, 2, 16, 1, 3, c(1, 1, 1, 1)},
		{3, 14, 14, 33, 50, 3, c(1, 0, 1, 1)},
		{2, 9, 10, 21, 40, 3, c(1, 2, 1, 1)},
		{1, 10, 10, 96, 41, 3, c(1, 1, 1, 1)},
		{1, 31, 45, 20, 12, 3, c(1, 1, 1, 1)},
		{30, 3, 3, 70, 35, 3, c(1, 1, 1, 1)},
		// dilation
		{1, 9, 8, 5, 9, 3, c(1, 2, 2, 1)},
		{2, 8, 9, 3, 5, 3, c(2, 2, 2, 1)},
		// larger kernels
		{1, 16, 19, 3, 17, 7, c(2, 3, 1, 1)},
		{2, 14, 15, 3, 64, 7, c(2, 3, 1, 1)},
		{1, 2, 3, 1, 3, 7, c(2, 3, 1, 1)},
		{1, 8, 7, 9, 3, 5, c(1, 2, 1, 1)},
		// groups
		{1, 6, 5, 6, 10, 3, c(1, 1, 1, 2)},
		{2, 5, 5, 10, 6, 1, c(1, 0, 1, 2)},
		{1, 7, 6, 17, 17, 3, c(1, 1, 1, 17)},
		{2, 7, 6, 9, 9, 3, c(2, 1, 1, 9)},
		{1, 5, 4, 5, 10, 3, c(1, 1, 1, 5)},
		{1, 5, 4, 128, 128, 3, c(1, 1, 1, 32)},
		{2, 6, 5, 128, 128, 3, c(2, 1, 1, 32)},
		{1, 6, 7, 64, 64, 3, c(1, 1, 1, 8)},
		{1, 5, 6, 96, 96, 3, c(2, 1, 1, 6)},
		{2, 5, 4, 64, 64, 3, c(1, 1, 1, 2)},
		{1, 6, 5, 728, 728, 3, c(1, 1, 1, 728)},
		{2, 4, 5, 64, 64, 3, c(1, 1, 1, 64)},
		// groups of 4 to 32 channels, and rows in which the loops' numbers of pixels meet
		{2, 9, 31, 64, 64, 3, c(1, 1, 1, 16)},
		{1, 3, 30, 32, 32, 3, c(2, 2, 1, 4)},
		{1, 4, 21, 48, 48, 3, c(1, 1, 1, 3)},
		{2, 14, 14, 64, 64, 3, c(1, 0, 1, 2)},
		{1, 1, 1, 32, 32, 3, c(1, 1, 1, 8)},
	}
}

func convolutions() (cases []Case) {
	for i, s := range convSettings() {
		in := []Input{s.x(), s.weight()}
		bias := i%2 == 1
		if bias {
			in = append(in, weight(s.out))
		}
		cases = append(cases,
			Case{Name: fmt.Sprintf("Conv2D/%v%s", s, when(bias, "+bias")), Op: s.Conv2D, In: in, Tolerance: Summed},
			Case{Name: fmt.Sprintf("Conv2DGradInput/%v", s), Tolerance: Summed,
				Op: nn.Conv2DGradInput{Conv2D: s.Conv2D, Height: s.h, Width: s.w}, In: []Input{s.dy(), s.weight()}},
			Case{Name: fmt.Sprintf("Conv2DGradWeight/%v", s), Tolerance: Summed,
				Op: nn.Conv2DGradWeight{Conv2D: s.Conv2D, Kernel: s.kernel}, In: []Input{s.x(), s.dy()}},
		)
	}
	for _, in := range []Input{feature(2, 5, 4, 17), feature(1, 1, 1, 1), feature(9, 195), feature(1, 30, 31, 3)} {
		cases = append(cases, Case{Name: "BiasGrad/" + side(in.Shape), Op: nn.BiasGrad{}, In: []Input{in}, Tolerance: Summed})
	}
	return cases
}

func linears() (cases []Case) {
	for i, s := range [][3]int{{1, 1, 1}, {3, 17, 5}, {2, 195, 62}, {16, 64, 21}, {1, 9, 84}, {33, 3, 1}} {
		n, ins, outs := s[0], s[1], s[2]
		name := fmt.Sprintf("%dx%d-%d", n, ins, outs)
		in := []Input{feature(n, ins), weight(outs, ins)}
		if i%2 == 1 {
			in = append(in, weight(outs))
		}
		cases = append(cases,
			Case{Name: "Linear/" + name + when(len(in) == 3, "+bias"), Op: nn.Linear{}, In: in, Tolerance: Summed},
			Case{Name: "LinearGradInput/" + name, Op: nn.LinearGradInput{},
				In: []Input{feature(n, outs), weight(outs, ins)}, Tolerance: Summed},
			Case{Name: "LinearGradWeight/" + name, Op: nn.LinearGradWeight{},
				In: []Input{feature(n, ins), feature(n, outs)}, Tolerance: Summed},
		)
	}
	// so many inputs that devices add them in blocks
	return append(cases, Case{Name: "Linear/14x4100-37+bias", Op: nn.Linear{}, In: []Input{feature(14, 4100), weight(37, 4100), weight(37)}, Tolerance: Summed})
}
