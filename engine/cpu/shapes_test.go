package cpu

import (
	"fmt"
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
)

// None of ScaleNet-50's convolutions may fall to oneDNN's reference
// implementation: neurons a branch at the published allocation are odd numbers.
// Grouped ones may not fall to products of matrices either.
func TestNoReferenceImplementations(t *testing.T) {
	d := newDevice(t, 2)
	type shape struct{ side, in, out, kernel, stride, groups int }
	shapes := []shape{{224, 3, 64, 7, 2, 1}, {56, 64, 256, 1, 1, 1}, {28, 256, 512, 1, 1, 1}, {14, 512, 1024, 1, 1, 1}, {7, 1024, 2048, 1, 1, 1}}
	// planes, then the neurons of branches and the sides that they work at.
	for _, b := range []struct {
		planes, side int
		branches     []int
	}{
		{64, 56, []int{62, 9, 5, 12}}, {64, 56, []int{55, 27, 5, 1}}, {64, 56, []int{59, 26, 0, 3}},
		{128, 28, []int{125, 41, 6, 3}}, {128, 28, []int{90, 39, 9, 37}}, {128, 28, []int{106, 56, 4, 9}},
		{256, 14, []int{223, 71, 55}}, {256, 14, []int{195, 98, 52, 4}}, {256, 14, []int{134, 129, 86}},
		{512, 7, []int{237, 354, 106}}, {512, 7, []int{172, 435, 90}}, {512, 7, []int{138, 462, 97}},
	} {
		shapes = append(shapes, shape{b.side, 4 * b.planes, b.planes, 1, 1, 1})
		for i, n := range b.branches {
			if side := b.side / []int{1, 2, 4, 7}[i]; n > 0 {
				shapes = append(shapes, shape{side, b.planes, n, 3, 1, 1}, shape{side, n, 4 * b.planes, 1, 1, 1})
			}
		}
	}
	// ResNet's strided convolutions, ResNeXt's groups, Xception's depthwise convolutions.
	shapes = append(shapes, shape{56, 256, 512, 1, 2, 1}, shape{56, 128, 128, 3, 2, 1},
		shape{56, 128, 128, 3, 1, 32}, shape{56, 256, 256, 3, 2, 32}, shape{28, 256, 256, 3, 1, 32}, shape{28, 512, 512, 3, 2, 32},
		shape{14, 512, 512, 3, 1, 32}, shape{14, 1024, 1024, 3, 2, 32}, shape{7, 1024, 1024, 3, 1, 32},
		shape{109, 64, 64, 3, 1, 64}, shape{14, 728, 728, 3, 1, 728}, shape{7, 1536, 1536, 3, 1, 1536})
	for _, s := range shapes {
		conv := nn.Conv2D{Stride: s.stride, Pad: s.kernel / 2, Dilation: 1, Groups: s.groups}
		for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
			if typ == engine.BFloat16 && d.Capabilities().BFloat16 != nil {
				continue
			}
			out := conv.OutSide(s.side, s.kernel)
			x := alloc(t, d, typ, nil, 1, s.side, s.side, s.in)
			y := alloc(t, d, typ, nil, 1, out, out, s.out)
			w := alloc(t, d, engine.Float32, nil, s.out, s.in/s.groups, s.kernel, s.kernel)
			for _, activation := range []engine.Activation{engine.ReLU, engine.HardSwish} {
				name := fast(t, d, engine.ConvBlock{Conv2D: conv, Residual: true, Activation: activation}, y, x, w, y)
				if s.groups > 1 {
					require.NotContains(t, name, "gemm", "%+v", s)
				}
			}
			if typ == engine.BFloat16 {
				continue
			}
			fast(t, d, nn.Conv2DGradInput{Conv2D: conv, Height: s.side, Width: s.side}, x, y, w)
			fast(t, d, nn.Conv2DGradWeight{Conv2D: conv, Kernel: s.kernel}, w, x, y)
		}
	}
}

// fast fails if the kernel is a slow one, and returns its name.
func fast(t *testing.T, d *Device, op nn.Op, out engine.Tensor, in ...engine.Tensor) string {
	t.Helper()
	k := compile(t, d, op, out, in...)
	defer k.Close()
	if k.(*kernel).Slow() {
		var shapes []nn.Shape
		for _, x := range in {
			shapes = append(shapes, x.Shape)
		}
		t.Errorf("%s of %v: %s", nn.Name(op), shapes, k.(fmt.Stringer))
	}
	return k.(fmt.Stringer).String()
}
