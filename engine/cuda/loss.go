//go:build gpu

package cuda

import (
	"errors"

	"scalenet/engine"
	"scalenet/nn"
)

// parts is among how many threads the rows of a loss go, lastParts among how many those threads' sums.
const parts, lastParts = 1024, 32

func (c *compiler) loss() error {
	in, y := c.in, c.out
	if err := engine.CheckType(engine.Float32, in[0], y); err != nil {
		return err
	}
	fault := c.device.transfers.fault
	partial := c.scratch(2 * 8 * parts)
	n := size(in[0])
	switch op := c.op.(type) {
	case nn.SoftmaxCrossEntropy:
		rows, k := matrix(in[0])
		return errors.Join(engine.CheckType(engine.Int32, in[1]),
			c.step("softmax_loss", parts, in[0], in[1], op.Smoothing, partial, rows, k, parts, fault), c.mean(partial))
	case nn.SoftmaxCrossEntropyGrad:
		rows, k := matrix(in[0])
		sums := c.scratch(4 * rows)
		count, err := c.count(partial, in[1], rows, k)
		return errors.Join(err, engine.CheckType(engine.Float32, in[2]),
			c.step("log_sum_exp_rows", rows, in[0], sums, rows, k),
			c.step("softmax_loss_grad", n, in[0], in[1], sums, count, in[2], op.Smoothing, y, rows, k))
	case nn.SigmoidCrossEntropy:
		return errors.Join(engine.CheckType(engine.Int32, in[1]),
			c.step("sigmoid_loss", parts, in[0], in[1], partial, n, parts, fault), c.mean(partial))
	case nn.SigmoidCrossEntropyGrad:
		count, err := c.count(partial, in[1], n, 2)
		return errors.Join(err, engine.CheckType(engine.Float32, in[2]),
			c.step("sigmoid_loss_grad", n, in[0], in[1], count, in[2], y, n))
	case nn.SmoothL1:
		return errors.Join(engine.CheckType(engine.Float32, in...),
			c.step("smooth_l1", parts, in[0], in[1], in[2], op.Beta, partial, n, parts), c.mean(partial))
	case nn.SmoothL1Grad:
		return errors.Join(engine.CheckType(engine.Float32, in...),
			c.step("smooth_l1_grad", n, in[0], in[1], in[2], in[3], op.Beta, y, n))
	}
	return errors.ErrUnsupported
}

// mean makes the loss of the threads' sums and counts.
func (c *compiler) mean(partial shared) error {
	last := c.scratch(2 * 8 * lastParts)
	return errors.Join(
		c.step("add_parts", 2*lastParts, partial, last, 2, parts, lastParts),
		c.step("last_parts", 1, last, c.out, lastParts))
}

// count puts into the shared memory how many of the labels are of a class.
func (c *compiler) count(partial shared, labels engine.Tensor, n, classes int) (shared, error) {
	last, count := c.scratch(8*lastParts), c.scratch(8)
	return count, errors.Join(engine.CheckType(engine.Int32, labels),
		c.step("count_labels", parts, labels, partial, n, classes, parts),
		c.step("add_parts", lastParts, partial, last, 1, parts, lastParts),
		c.step("last_sum", 1, last, count, lastParts))
}
