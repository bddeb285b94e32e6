package nn

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type shapes = []Shape

func of(dims ...int) Shape { return dims }

// fitting is every operation with shapes that fit and the result's.
var fitting = []struct {
	op   Op
	in   shapes
	want Shape
}{
	{conv, shapes{of(2, 9, 8, 4), of(6, 2, 3, 3)}, of(2, 5, 4, 6)},
	{conv, shapes{of(2, 9, 8, 4), of(6, 2, 3, 3), of(6)}, of(2, 5, 4, 6)},
	{Conv2DGradInput{conv, 9, 8}, shapes{of(2, 5, 4, 6), of(6, 2, 3, 3)}, of(2, 9, 8, 4)},
	{Conv2DGradWeight{conv, 3}, shapes{of(2, 9, 8, 4), of(2, 5, 4, 6)}, of(6, 2, 3, 3)},
	{BiasGrad{}, shapes{of(2, 3, 4)}, of(4)},
	{Linear{}, shapes{of(2, 3), of(5, 3)}, of(2, 5)},
	{Linear{}, shapes{of(2, 3), of(5, 3), of(5)}, of(2, 5)},
	{LinearGradInput{}, shapes{of(2, 5), of(5, 3)}, of(2, 3)},
	{LinearGradWeight{}, shapes{of(2, 3), of(2, 5)}, of(5, 3)},
	{ReLU{}, shapes{of(2, 3)}, of(2, 3)},
	{ReLUGrad{}, shapes{of(2, 3), of(2, 3)}, of(2, 3)},
	{GELU{}, shapes{of(2, 3)}, of(2, 3)},
	{GELUGrad{}, shapes{of(2, 3), of(2, 3)}, of(2, 3)},
	{HardSwish{}, shapes{of(2, 3)}, of(2, 3)},
	{HardSwishGrad{}, shapes{of(2, 3), of(2, 3)}, of(2, 3)},
	{HardSigmoid{}, shapes{of(2, 3)}, of(2, 3)},
	{HardSigmoidGrad{}, shapes{of(2, 3), of(2, 3)}, of(2, 3)},
	{Sigmoid{}, shapes{of(2, 3)}, of(2, 3)},
	{SigmoidGrad{}, shapes{of(2, 3), of(2, 3)}, of(2, 3)},
	{ScaleChannels{}, shapes{of(2, 3, 4, 5), of(2, 1, 1, 5)}, of(2, 3, 4, 5)},
	{ScaleChannelsGrad{}, shapes{of(2, 3, 4, 5), of(2, 3, 4, 5)}, of(2, 1, 1, 5)},
	{Add{}, shapes{of(2, 3), of(2, 3)}, of(2, 3)},
	{Concat{1}, shapes{of(2, 3), of(2, 4), of(2, 1)}, of(2, 8)},
	{Slice{1, 1, 3}, shapes{of(2, 3)}, of(2, 2)},
	{Embed{1, 1, 4}, shapes{of(2, 3)}, of(2, 4)},
	{Reshape{DimsOf(3, 2)}, shapes{of(2, 3)}, of(3, 2)},
	{MaxPool2D{Kernel: 3, Stride: 2, Pad: 1}, shapes{of(1, 9, 8, 2)}, of(1, 5, 4, 2)},
	{MaxPool2DGrad{MaxPool2D{Kernel: 3, Stride: 2, Pad: 1}}, shapes{of(1, 9, 8, 2), of(1, 5, 4, 2)}, of(1, 9, 8, 2)},
	{MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, shapes{of(1, 8, 9, 2)}, of(1, 4, 4, 2)},
	{MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, shapes{of(1, 2, 10, 2)}, of(1, 1, 5, 2)},
	// The window that would begin behind the input is left out.
	{MaxPool2D{Kernel: 2, Stride: 3, Pad: 1, Ceil: true}, shapes{of(1, 5, 6, 2)}, of(1, 2, 3, 2)},
	{AvgPool2D{2, 2, 0}, shapes{of(1, 9, 8, 2)}, of(1, 4, 4, 2)},
	{AvgPool2DGrad{AvgPool2D{2, 2, 0}, 9, 8}, shapes{of(1, 4, 4, 2)}, of(1, 9, 8, 2)},
	{GlobalAvgPool2D{}, shapes{of(2, 3, 4, 5)}, of(2, 5)},
	{GlobalAvgPool2DGrad{3, 4}, shapes{of(2, 5)}, of(2, 3, 4, 5)},
	{Resize2D{4, 5, Nearest}, shapes{of(2, 3, 3, 1)}, of(2, 4, 5, 1)},
	{Resize2DGrad{3, 3, Bilinear}, shapes{of(2, 4, 5, 1)}, of(2, 3, 3, 1)},
	{Preprocess{Height: 4, Width: 5}, shapes{of(1000), of(2, 6)}, of(2, 4, 5, 3)},
	{Moments2D{}, shapes{of(2, 3, 4, 5)}, of(2, 5)},
	{BatchNorm2D{1}, shapes{of(2, 3, 4, 5), of(5), of(5), of(2, 5)}, of(2, 3, 4, 5)},
	{BatchNorm2DGradParams{1}, shapes{of(2, 3, 4, 5), of(2, 5), of(2, 3, 4, 5)}, of(2, 5)},
	{BatchNorm2DGradInput{1}, shapes{of(2, 3, 4, 5), of(5), of(2, 5), of(2, 3, 4, 5), of(2, 5)}, of(2, 3, 4, 5)},
	{FrozenBatchNorm2D{Eps: 1}, shapes{of(3, 5), of(5), of(5), of(5), of(5)}, of(3, 5)},
	{FrozenBatchNorm2DGrad{1}, shapes{of(3, 5), of(5), of(5)}, of(3, 5)},
	{Row{1}, shapes{of(2, 5)}, of(5)},
	{align, shapes{of(2, 9, 8, 3), of(6, 5)}, of(6, 7, 7, 3)},
	{pyramid, shapes{of(2, 18, 16, 3), of(2, 9, 8, 3), of(6, 5)}, of(6, 7, 7, 3)},
	{RoIAlign{Size: 8, Scale: 1, Points: JwyangAlign}, shapes{of(2, 9, 8, 3), of(6, 5)}, of(6, 8, 8, 3)},
	{RoIAlignGrad{align, 2, 9, 8, 0, 1}, shapes{of(6, 7, 7, 3), of(6, 5)}, of(2, 9, 8, 3)},
	{Proposals{PerCell: 3, Rows: 10}, shapes{of(2, 4, 5, 3), of(2, 4, 5, 12), of(60, 4), of(2, 7)}, of(20, 5)},
	{Proposals{PerCell: 3, Rows: 10, Pairs: true}, shapes{of(2, 4, 5, 6), of(2, 4, 5, 12), of(60, 4), of(2, 7)}, of(20, 5)},
	{Proposals{PerCell: 3, Rows: 10, Scored: true, MinScore: 0.05}, shapes{of(2, 4, 5, 3), of(2, 4, 5, 12), of(60, 4), of(2, 7)}, of(20, 6)},
	{TopProposals{Rows: 7}, shapes{of(20, 6), of(8, 6), of(2, 7)}, of(14, 5)},
	{Detections{Rows: 7}, shapes{of(20, 3), of(20, 12), of(20, 5), of(2, 7)}, of(2, 7, 6)},
	{Detections{Rows: 7}, shapes{of(20, 3), of(20, 4), of(20, 5), of(2, 7)}, of(2, 7, 6)},
	{SoftmaxCrossEntropy{}, shapes{of(4, 3), of(4)}, of(1)},
	{SoftmaxCrossEntropyGrad{}, shapes{of(4, 3), of(4), of(1)}, of(4, 3)},
	{SigmoidCrossEntropy{}, shapes{of(4), of(4)}, of(1)},
	{SigmoidCrossEntropyGrad{}, shapes{of(4), of(4), of(1)}, of(4)},
	{SmoothL1{1}, shapes{of(4, 4), of(4, 4), of(4, 4)}, of(1)},
	{SmoothL1Grad{1}, shapes{of(4, 4), of(4, 4), of(4, 4), of(1)}, of(4, 4)},
}

var (
	conv    = Conv2D{Stride: 2, Pad: 1, Dilation: 1, Groups: 2}
	align   = RoIAlign{Size: 7, Scale: 1. / 16}
	pyramid = RoIAlign{Size: 7, Scale: 1. / 4, Mapper: LevelMapper{Size: 224, Level: 4}}
)

func TestOutShape(t *testing.T) {
	for _, c := range fitting {
		got, err := c.op.OutShape(c.in)
		require.NoError(t, err, Name(c.op))
		assert.Equal(t, c.want, got, Name(c.op))
	}
}

// Whatever is changed about fitting shapes, an operation gives an error or a
// shape, never a panic; a missing or an additional input is an error.
func TestOutShapeOfWhatDoesNotFit(t *testing.T) {
	for _, c := range fitting {
		t.Run(Name(c.op), func(t *testing.T) {
			for n := range len(c.in) {
				if _, optional := c.op.(Linear); optional && n == 2 {
					continue
				}
				if _, optional := c.op.(Conv2D); optional && n == 2 {
					continue
				}
				if _, any := c.op.(Concat); any && n > 0 {
					continue
				}
				_, err := c.op.OutShape(c.in[:n])
				assert.Error(t, err, "%d inputs", n)
			}
			if _, any := c.op.(Concat); !any && len(c.in) != 2 {
				_, err := c.op.OutShape(append(append(shapes{}, c.in...), of(1)))
				assert.Error(t, err, "another input")
			}
			for i, s := range c.in {
				for _, other := range []Shape{{}, {0}, {1}, append(s.Clone(), 1), s[1:], s[:len(s)-1]} {
					assert.NotPanics(t, func() { c.op.OutShape(with(c.in, i, other)) }, "input %d is %v", i, other)
				}
			}
		})
	}
}

func with(in shapes, i int, s Shape) shapes {
	out := append(shapes{}, in...)
	out[i] = s
	return out
}

func TestShapeErrors(t *testing.T) {
	for _, c := range []struct {
		op   Op
		in   shapes
		want string
	}{
		{conv, shapes{of(9, 8, 4), of(6, 2, 3, 3)}, "x has shape (9, 8, 4), want 4 dimensions"},
		{conv, shapes{of(2, 9, 8, 4), of(6, 4, 3, 3)}, "weight (6, 4, 3, 3) with 2 groups does not fit 4 input channels"},
		{conv, shapes{of(2, 9, 8, 4), of(5, 2, 3, 3)}, "does not fit"},
		{conv, shapes{of(2, 9, 8, 4), of(6, 2, 3, 1)}, "kernel of 3x1, want a square"},
		{conv, shapes{of(2, 9, 8, 4), of(6, 2, 3, 3), of(5)}, "bias has shape (5), want (6)"},
		// (1 - 2) / 2 + 1 is 1 in integers that round to zero.
		{Conv2D{Stride: 2, Dilation: 1, Groups: 1}, shapes{of(1, 1, 4, 1), of(1, 1, 2, 2)}, "input 1x4 with padding 0 is smaller than the kernel, which spans 2x2"},
		{Conv2D{Stride: 1, Dilation: 3, Groups: 1}, shapes{of(1, 6, 6, 1), of(1, 1, 3, 3)}, "spans 7x7"},
		{Conv2D{Stride: 1, Dilation: 1}, shapes{of(1, 6, 6, 1), of(1, 1, 3, 3)}, "0 groups"},
		{Conv2DGradInput{conv, 9, 8}, shapes{of(2, 5, 5, 6), of(6, 2, 3, 3)}, "dy has shape (2, 5, 5, 6), want (2, 5, 4, 6)"},
		{Conv2DGradWeight{Conv2D{}, 3}, shapes{of(2, 9, 8, 4), of(2, 5, 4, 6)}, "0 groups"},
		{Conv2DGradWeight{conv, 3}, shapes{of(2, 9, 8, 4), of(2, 5, 5, 6)}, "dy has shape"},
		{BiasGrad{}, shapes{of()}, "dy is a scalar"},
		{Linear{}, shapes{of(2, 3), of(5, 4)}, "weight has shape (5, 4), want (5, 3)"},
		{LinearGradInput{}, shapes{of(2, 4), of(5, 3)}, "dy has shape (2, 4), want (2, 5)"},
		{LinearGradWeight{}, shapes{of(2, 3), of(3, 5)}, "dy has shape (3, 5), want (2, 5)"},
		{SigmoidGrad{}, shapes{of(2), of(3)}, "(2) and (3) differ"},
		{ScaleChannels{}, shapes{of(2, 3, 4, 5), of(2, 5)}, "scale has shape (2, 5), want (2, 1, 1, 5)"},
		{ScaleChannels{}, shapes{of(2, 3, 4, 5), of(1, 1, 1, 5)}, "scale has shape (1, 1, 1, 5), want (2, 1, 1, 5)"},
		{ScaleChannelsGrad{}, shapes{of(2, 3, 4, 5), of(2, 3, 4, 4)}, "dy has shape (2, 3, 4, 4), want (2, 3, 4, 5)"},
		{Add{}, shapes{of(2), of(2, 1)}, "(2) and (2, 1) differ"},
		{Concat{2}, shapes{of(2, 3)}, "along axis 2"},
		{Concat{0}, shapes{of(2, 3), of(2, 4)}, "differ in dimension 1"},
		{Slice{1, 2, 4}, shapes{of(2, 3)}, "[2, 4) along axis 1 is outside of (2, 3)"},
		{Slice{0, 1, 1}, shapes{of(2, 3)}, "outside"},
		{Embed{1, 2, 4}, shapes{of(2, 3)}, "(2, 3) at 2 along axis 1 is outside of 4"},
		{Embed{1, -1, 4}, shapes{of(2, 3)}, "outside"},
		{Reshape{DimsOf(4)}, shapes{of(2, 3)}, "(2, 3) has 6 values, (4) has 4"},
		{MaxPool2D{Kernel: 3, Stride: 2, Pad: 2}, shapes{of(1, 9, 8, 2)}, "padding must be at most half the kernel"},
		{MaxPool2D{Kernel: 3, Stride: 2}, shapes{of(1, 2, 8, 2)}, "input 2x8 is smaller than the 3x3 window"},
		{MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, shapes{of(1, 1, 8, 2)}, "input 1x8 is smaller than the 3x3 window"},
		{MaxPool2DGrad{MaxPool2D{Kernel: 3, Stride: 2, Pad: 1}}, shapes{of(1, 9, 8, 2), of(1, 5, 5, 2)}, "dy has shape"},
		{AvgPool2DGrad{AvgPool2D{2, 2, 0}, 9, 8}, shapes{of(1, 4, 5, 2)}, "dy has shape"},
		{GlobalAvgPool2DGrad{0, 4}, shapes{of(2, 5)}, "size 0x4 must be positive"},
		{Resize2D{4, 0, Nearest}, shapes{of(2, 3, 3, 1)}, "size 4x0 must be positive"},
		{Resize2D{4, 4, "cubic"}, shapes{of(2, 3, 3, 1)}, `mode "cubic", want "nearest" or "bilinear"`},
		{Resize2DGrad{4, 4, ""}, shapes{of(2, 3, 3, 1)}, `mode ""`},
		{Preprocess{Height: 4}, shapes{of(1000), of(2, 6)}, "size 4x0 must be positive"},
		{Preprocess{Height: 4, Width: 5}, shapes{of(10, 100), of(2, 6)}, "bytes has shape (10, 100), want 1 dimensions"},
		{Preprocess{Height: 4, Width: 5}, shapes{of(1000), of(2, 5)}, "transforms has shape (2, 5), want (2, 6)"},
		{BatchNorm2D{1}, shapes{of(2, 3, 4, 5), of(4), of(5), of(2, 5)}, "weight has shape (4), want (5)"},
		{BatchNorm2D{1}, shapes{of(2, 3, 4, 5), of(5), of(5), of(5, 2)}, "moments has shape (5, 2), want (2, 5)"},
		{BatchNorm2DGradParams{1}, shapes{of(2, 3, 4, 5), of(2, 4), of(2, 3, 4, 5)}, "moments has shape"},
		{BatchNorm2DGradInput{1}, shapes{of(2, 3, 4, 5), of(5), of(2, 5), of(2, 3, 4, 5), of(1, 5)}, "dparams has shape (1, 5), want (2, 5)"},
		{FrozenBatchNorm2D{Eps: 1}, shapes{of(3, 5), of(5), of(5), of(5), of(1)}, "variance has shape (1), want (5)"},
		{FrozenBatchNorm2DGrad{1}, shapes{of(3, 5), of(5), of(4)}, "variance has shape (4), want (5)"},
		{Row{2}, shapes{of(2, 5)}, "row 2 of (2, 5)"},
		{align, shapes{of(2, 9, 8, 3), of(6, 4)}, "rois has shape (6, 4), want (6, 5)"},
		{RoIAlign{Size: 7}, shapes{of(2, 9, 8, 3), of(6, 5)}, "scale 0"},
		{RoIAlign{Size: 1, Scale: 1, Points: JwyangCrop}, shapes{of(2, 9, 8, 3), of(6, 5)}, `points "jwyang-crop", size 1`},
		{RoIAlign{Size: 2, Scale: 1, Points: "middle"}, shapes{of(2, 9, 8, 3), of(6, 5)}, "want jwyang-align or jwyang-crop"},
		{RoIAlign{Size: 2, Scale: 1, Aligned: true, Points: JwyangCrop}, shapes{of(2, 9, 8, 3), of(6, 5)}, "without the others"},
		{pyramid, shapes{of(2, 18, 16, 3), of(2, 9, 8, 4), of(6, 5)}, "features has shape (2, 9, 8, 4), want (2, 9, 8, 3)"},
		{TopProposals{Rows: 7}, shapes{of(21, 6), of(2, 7)}, "21 proposals of 2 images in input 0"},
		{RoIAlignGrad{align, 2, 9, 8, 0, 1}, shapes{of(5, 7, 7, 3), of(6, 5)}, "dy has shape (5, 7, 7, 3), want (6, 7, 7, 3)"},
		{Proposals{Rows: 10}, shapes{of(2, 4, 5, 3), of(2, 4, 5, 12), of(60, 4), of(2, 7)}, "0 anchors per cell, 10 rows"},
		{Proposals{PerCell: 3, Rows: 10}, shapes{of(2, 4, 5, 6), of(2, 4, 5, 12), of(60, 4), of(2, 7)}, "objectness has shape (2, 4, 5, 6), want (2, 4, 5, 3)"},
		{Proposals{PerCell: 3, Rows: 10}, shapes{of(2, 4, 5, 3), of(2, 4, 5, 12), of(61, 4), of(2, 7)}, "anchors has shape (61, 4), want (60, 4)"},
		{Detections{Rows: 7}, shapes{of(20, 3), of(20, 8), of(20, 5), of(2, 7)}, "deltas has shape (20, 8), want (20, 12)"},
		{Detections{Rows: 7}, shapes{of(20, 3), of(20, 12), of(20, 5), of(3, 7)}, "20 RoIs of 3 images"},
		{Detections{Rows: 7}, shapes{of(20, 1), of(20, 4), of(20, 5), of(2, 7)}, "0 classes"},
		{SoftmaxCrossEntropy{}, shapes{of(4, 3), of(3)}, "labels has shape (3), want (4)"},
		{SoftmaxCrossEntropyGrad{}, shapes{of(4, 3), of(3), of(1)}, "labels has shape (3), want (4)"},
		{SigmoidCrossEntropyGrad{}, shapes{of(4), of(4), of(4)}, "dloss has shape (4), want (1)"},
		{SmoothL1{-1}, shapes{of(4), of(4), of(4)}, "beta -1 is negative"},
		{SmoothL1Grad{1}, shapes{of(4), of(3), of(4), of(1)}, "(4) and (3) differ"},
	} {
		_, err := c.op.OutShape(c.in)
		assert.ErrorContains(t, err, c.want, fmt.Sprintf("%s of %v", Name(c.op), c.in))
	}
}
