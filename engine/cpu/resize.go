package cpu

// #include "kernels.h"
import "C"

import (
	"fmt"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

// axis puts taps into memory of the kernel.
func (c *compiler) axis(t [][]engine.Tap) (C.sn_axis, error) {
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
			index[k], weight[k] = int32(s.Index), s.Weight
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
	rows, columns [][]engine.Tap
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
		sources = append(sources, source{x, engine.Taps(x.Shape[1], op.Resize2D.Height, op.Resize2D.Mode),
			engine.Taps(x.Shape[2], op.Resize2D.Width, op.Resize2D.Mode)})
	}
	return c.resampled(axes, sources, residual, op.ReLU)
}

func (c *compiler) resizeGrad(op nn.Resize2DGrad) error {
	dy := c.in[0]
	return c.resampled(C.SN_ANY, []source{{dy,
		engine.Transpose(engine.Taps(op.Height, dy.Shape[1], op.Mode), op.Height),
		engine.Transpose(engine.Taps(op.Width, dy.Shape[2], op.Mode), op.Width)}}, nil, false)
}
