package cpu

import (
	"fmt"
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
)

// batched is an operation on images (or RoIs) whose results must not depend on the batch that an image is in.
type batched struct {
	op     nn.Op
	x      nn.Shape   // of a batch of one
	params []nn.Shape // parameters
}

func batchedConv(h, w, in, out, kernel, stride, groups int) batched {
	op := engine.ConvBlock{Conv2D: nn.Conv2D{Stride: stride, Pad: kernel / 2, Dilation: 1, Groups: groups}, Bias: true, Activation: engine.HardSwish, Images: 1}
	return batched{op, nn.Shape{1, h, w, in}, []nn.Shape{{out, in / groups, kernel, kernel}, {out}}}
}

func batchedLinear(in, out int) batched {
	return batched{nn.Linear{}, nn.Shape{1, in}, []nn.Shape{{out, in}, {out}}}
}

// The results of an image have the same bits in every batch, for every number of threads.
func TestBatchesDoNotChangeResults(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 4} {
		d := newDevice(t, threads)
		for _, c := range []batched{
			batchedConv(38, 58, 3, 64, 7, 2, 1), batchedConv(38, 58, 64, 64, 3, 1, 1), batchedConv(19, 29, 223, 71, 3, 1, 1), batchedConv(7, 7, 237, 354, 3, 1, 1),
			batchedConv(14, 14, 128, 128, 3, 1, 1), batchedConv(38, 58, 64, 256, 1, 1, 1), batchedConv(19, 29, 1024, 512, 1, 1, 1), batchedConv(7, 7, 2048, 512, 1, 1, 1),
			batchedConv(38, 58, 256, 512, 1, 2, 1), batchedConv(38, 58, 128, 128, 3, 2, 1), batchedConv(19, 29, 1024, 60, 1, 1, 1), batchedConv(19, 29, 195, 62, 1, 1, 1),
			batchedConv(20, 30, 72, 72, 5, 2, 72), batchedConv(10, 15, 672, 672, 3, 1, 672), batchedConv(1, 1, 672, 168, 1, 1, 1), batchedConv(10, 15, 728, 728, 3, 1, 728),
			batchedConv(28, 28, 256, 256, 3, 1, 32), batchedConv(56, 56, 128, 128, 3, 2, 32), batchedConv(13, 13, 9, 256, 1, 1, 1), batchedConv(28, 28, 64, 9, 3, 1, 1),
			batchedConv(1, 1, 16, 84, 1, 1, 1), batchedConv(3, 2, 256, 256, 3, 1, 1),
			batchedLinear(2048, 1000), batchedLinear(4101, 37), batchedLinear(12544, 1024), batchedLinear(1024, 1024), batchedLinear(1024, 91), batchedLinear(1024, 364), batchedLinear(62, 21),
			{nn.GlobalAvgPool2D{}, nn.Shape{1, 19, 29, 195}, nil},
		} {
			for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
				if d.Capabilities().Supports(typ) != nil {
					continue
				}
				t.Run(fmt.Sprintf("%dthreads/%s/%v%v/%v", threads, nn.Name(c.op)[:6], c.x, c.params, typ), func(t *testing.T) { c.check(t, d, typ) })
			}
		}
	}
}

// check compares batches of several sizes with the largest.
func (c batched) check(t *testing.T, d *Device, typ engine.DType) {
	most := 5
	if len(c.x) == 2 {
		most = 256 // RoIs
	}
	values := ramp(most * c.x.TotalSize())
	var want []float32
	for _, n := range []int{most, 1, 2, 3, 4, 37, 150} {
		if n > most {
			continue
		}
		x := alloc(t, d, engine.Float32, values[:n*c.x.TotalSize()], append([]int{n}, c.x[1:]...)...)
		in := []engine.Tensor{x}
		if typ != engine.Float32 && len(c.x) == 4 {
			in[0] = alloc(t, d, typ, nil, x.Shape...)
			run(t, d, compile(t, d, engine.Cast{}, in[0], x))
		}
		shapes := []nn.Shape{x.Shape}
		for _, p := range c.params {
			in = append(in, alloc(t, d, engine.Float32, ramp(p.TotalSize()), p...))
			shapes = append(shapes, p)
		}
		s, err := c.op.OutShape(shapes)
		assert.NoError(t, err)
		y := alloc(t, d, engine.Float32, nil, s...)
		k := compile(t, d, c.op, y, in...)
		run(t, d, k)
		got := read(t, d, y)
		if want == nil {
			want = got
		}
		assert.Equal(t, want[:len(got)], got, "%v: a batch of %d", k, n)
		k.Close()
	}
}
