package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"math"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

// tap is a source index and its weight in a target.
type tap struct {
	index  int
	weight float32
}

// taps lists, for each of `out` targets along an axis, the sources among `in`
// that resizing takes it from.
func taps(in, out int, mode nn.ResizeMode) [][]tap {
	t := make([][]tap, out)
	for i := range t {
		if mode == nn.Nearest {
			t[i] = []tap{{i * in / out, 1}}
			continue
		}
		// Half-pixel centres; beyond the first and last centre the edge repeats.
		at := max((float64(i)+0.5)*float64(in)/float64(out)-0.5, 0)
		low := min(int(math.Floor(at)), in-1)
		high := min(low+1, in-1)
		share := float32(at - float64(low))
		t[i] = []tap{{low, 1 - share}, {high, share}}
	}
	return t
}

// transpose gives the targets that each of `in` sources goes to.
func transpose(t [][]tap, in int) [][]tap {
	back := make([][]tap, in)
	for i, list := range t {
		for _, s := range list {
			if s.weight != 0 {
				back[s.index] = append(back[s.index], tap{i, s.weight})
			}
		}
	}
	return back
}

// axis puts taps into memory of the kernel.
func (c *compiler) axis(t [][]tap) (C.sn_axis, error) {
	n := 0
	for _, list := range t {
		n += len(list)
	}
	p, err := c.buffer(4 * (len(t) + 1 + 2*n))
	if err != nil {
		return C.sn_axis{}, err
	}
	begin := unsafe.Slice((*int32)(p), len(t)+1)
	index := unsafe.Slice((*int32)(unsafe.Add(p, 4*len(begin))), n)
	weight := unsafe.Slice((*float32)(unsafe.Add(p, 4*(len(begin)+n))), n)
	k := 0
	for i, list := range t {
		begin[i] = int32(k)
		for _, s := range list {
			index[k], weight[k] = int32(s.index), s.weight
			k++
		}
	}
	begin[len(t)] = int32(k)
	return C.sn_axis{
		begin:  (*C.int32_t)(unsafe.Pointer(unsafe.SliceData(begin))),
		index:  (*C.int32_t)(unsafe.Pointer(unsafe.SliceData(index))),
		weight: (*C.float)(unsafe.Pointer(unsafe.SliceData(weight))),
	}, nil
}

// resampled makes the kernel that takes y from x by the given taps.
func (c *compiler) resampled(rows, columns [][]tap, residual unsafe.Pointer, relu bool) error {
	x, y := c.in[0], c.out
	t, err := feature(x, y)
	if err != nil {
		return err
	}
	r, err := c.axis(rows)
	if err != nil {
		return err
	}
	k, err := c.axis(columns)
	if err != nil {
		return err
	}
	n, h, w, ch := C.int64_t(x.Shape[0]), C.int64_t(x.Shape[1]), C.int64_t(x.Shape[2]), C.int64_t(x.Shape[3])
	oh, ow := C.int64_t(y.Shape[1]), C.int64_t(y.Shape[2])
	rectify := C.int(0)
	if relu {
		rectify = 1
	}
	return c.loop(func() { C.sn_resize(t, at(x), residual, rectify, at(y), r, k, n, h, w, ch, oh, ow) })
}

func (c *compiler) resize(op engine.ResizeBlock) error {
	x := c.in[0].Shape
	var residual unsafe.Pointer
	if op.Residual {
		if err := wantCount(c.in, 2); err != nil {
			return err
		}
		if r := c.in[1]; !r.Shape.Eq(c.out.Shape) || r.Type != c.out.Type {
			return fmt.Errorf("residual %v", r.Desc)
		}
		residual = at(c.in[1])
	}
	r := op.Resize2D
	return c.resampled(taps(x[1], r.Height, r.Mode), taps(x[2], r.Width, r.Mode), residual, op.ReLU)
}

func (c *compiler) resizeGrad(op nn.Resize2DGrad) error {
	dy := c.in[0].Shape
	return c.resampled(transpose(taps(op.Height, dy[1], op.Mode), op.Height),
		transpose(taps(op.Width, dy[2], op.Mode), op.Width), nil, false)
}
