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

// source is a tensor with the taps that take a result from it.
type source struct {
	x             engine.Tensor
	rows, columns [][]tap
}

// resampled makes the kernel that adds up the sources, each by its taps.
func (c *compiler) resampled(axes C.int, sources []source, residual unsafe.Pointer, relu bool) error {
	if len(sources) > C.SN_SOURCES {
		return fmt.Errorf("%d inputs to resize, %d at most", len(sources), C.SN_SOURCES)
	}
	y := c.out
	var list [C.SN_SOURCES]C.sn_source
	var t C.int
	for i, s := range sources {
		var err error
		if t, err = feature(s.x, y); err != nil {
			return err
		}
		list[i] = C.sn_source{x: at(s.x), h: C.int64_t(s.x.Shape[1]), w: C.int64_t(s.x.Shape[2])}
		if list[i].rows, err = c.axis(s.rows); err != nil {
			return err
		}
		if list[i].columns, err = c.axis(s.columns); err != nil {
			return err
		}
	}
	n, ch, oh, ow := C.int64_t(y.Shape[0]), C.int64_t(y.Shape[3]), C.int64_t(y.Shape[1]), C.int64_t(y.Shape[2])
	count, rectify := C.int(len(sources)), C.int(0)
	if relu {
		rectify = 1
	}
	return c.loop(func() { C.sn_resize(t, &list[0], count, axes, residual, rectify, at(y), n, ch, oh, ow) })
}

func (c *compiler) resize(op engine.ResizeBlock) error {
	var residual unsafe.Pointer
	if op.Residual {
		r := c.in[op.ResidualAt()]
		if r.Type != c.out.Type {
			return fmt.Errorf("residual %v", r.Desc)
		}
		residual = at(r)
	}
	axes := C.int(C.SN_PAIRS)
	if op.Resize2D.Mode == nn.Nearest {
		axes = C.SN_REPEAT
	}
	var sources []source
	for _, x := range c.in[:op.ResidualAt()] {
		sources = append(sources, source{x, taps(x.Shape[1], op.Resize2D.Height, op.Resize2D.Mode),
			taps(x.Shape[2], op.Resize2D.Width, op.Resize2D.Mode)})
	}
	return c.resampled(axes, sources, residual, op.ReLU)
}

func (c *compiler) resizeGrad(op nn.Resize2DGrad) error {
	dy := c.in[0]
	return c.resampled(C.SN_ANY, []source{{dy,
		transpose(taps(op.Height, dy.Shape[1], op.Mode), op.Height),
		transpose(taps(op.Width, dy.Shape[2], op.Mode), op.Width)}}, nil, false)
}
