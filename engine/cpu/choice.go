package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

// choose runs the operations' own Go, which sorts by radix and looks at few pairs of boxes.
func (c *compiler) choose() error {
	if err := engine.CheckType(engine.Float32, append([]engine.Tensor{c.out}, c.in...)...); err != nil {
		return err
	}
	var v [5][]float32
	for i, t := range append(c.in[:4:4], c.out) {
		v[i] = unsafe.Slice((*float32)(at(t)), t.Shape.TotalSize())
	}
	switch op := c.op.(type) {
	case nn.Proposals:
		return c.loop(func() { op.Fill(v[0], v[1], v[2], v[3], v[4]) })
	case nn.Detections:
		return c.loop(func() { op.Fill(v[0], v[1], v[2], v[3], v[4]) })
	}
	return errors.ErrUnsupported
}
