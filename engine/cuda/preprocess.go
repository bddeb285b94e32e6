//go:build gpu

package cuda

import (
	"errors"

	"scalenet/engine"
	"scalenet/nn"
)

func (c *compiler) preprocess(op nn.Preprocess) error {
	bytes, transforms, y := c.in[0], c.in[1], c.out
	var shifts any
	if len(c.in) == 3 {
		shifts = c.in[2]
	}
	t, err := feature(y)
	if err := errors.Join(err, engine.CheckType(engine.UInt8, bytes), engine.CheckType(engine.Int32, transforms),
		engine.CheckType(engine.Float32, c.in[2:]...)); err != nil {
		return err
	}
	pixels := size(y) / 3
	return c.step("preprocess_"+t, pixels, bytes, transforms, shifts, y, c.device.transfers.fault, size(bytes), op.Height, op.Width, pixels,
		op.Mean[0], op.Mean[1], op.Mean[2], op.Std[0], op.Std[1], op.Std[2])
}
