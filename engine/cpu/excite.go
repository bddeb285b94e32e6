package cpu

// #include "kernels.h"
import "C"

import (
	"unsafe"

	"scalenet/engine"
)

// scaleChannels multiplies the channels of each image, then adds and rectifies.
func (c *compiler) scaleChannels(op engine.ScaleBlock) error {
	x, scale, y := c.in[0], c.in[1], c.out
	t, err := feature(append([]engine.Tensor{y}, c.in...)...)
	if err != nil {
		return err
	}
	var residual unsafe.Pointer
	if op.Residual {
		residual = at(c.in[2])
	}
	rectify := C.int(0)
	if op.ReLU {
		rectify = 1
	}
	n, pixels, ch := imagesOf(x)
	return c.loop(func() { C.sn_scale_channels(t, at(x), at(scale), residual, rectify, at(y), n, pixels, ch) })
}

func (c *compiler) scaleChannelsGrad() error {
	x, dy, dscale := c.in[0], c.in[1], c.out
	t, err := feature(x, dy, dscale)
	if err != nil {
		return err
	}
	n, pixels, ch := imagesOf(x)
	scratch, err := c.sumsScratch(ch)
	if err != nil {
		return err
	}
	return c.loop(func() { C.sn_scale_channels_grad(t, at(x), at(dy), at(dscale), scratch, n, pixels, ch) })
}

// imagesOf sees features as n images of pixels of channels.
func imagesOf(x engine.Tensor) (n, pixels, channels C.int64_t) {
	s := x.Shape
	return C.int64_t(s[0]), C.int64_t(s[1] * s[2]), C.int64_t(s[3])
}
