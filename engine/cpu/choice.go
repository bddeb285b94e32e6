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
	values := func(t engine.Tensor) []float32 { return unsafe.Slice((*float32)(at(t)), t.Shape.TotalSize()) }
	var v [][]float32
	for _, t := range c.in {
		v = append(v, values(t))
	}
	out, last := values(c.out), len(v)-1
	switch op := c.op.(type) {
	case nn.Proposals:
		return c.loop(func() { op.Fill(v[0], v[1], v[2], v[3], out) })
	case nn.TopProposals:
		return c.loop(func() { op.Fill(v[:last], v[last], out) })
	case nn.Detections:
		return c.loop(func() { op.Fill(v[0], v[1], v[2], v[3], out) })
	}
	return errors.ErrUnsupported
}
