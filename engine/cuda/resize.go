//go:build gpu

package cuda

import (
	"fmt"
	"math"

	"scalenet/engine"
	"scalenet/nn"
)

// maxSources is how many tensors the kernel resizes and adds up.
const maxSources = 4

// axis is how the kernel reads taps: where each target's begin, then pairs of index and weight.
func axis(t [][]engine.Tap) (words []int32) {
	n := int32(0)
	for _, list := range t {
		words = append(words, n)
		n += int32(len(list))
	}
	words = append(words, n)
	for _, list := range t {
		for _, s := range list {
			words = append(words, int32(s.Index), int32(math.Float32bits(s.Weight)))
		}
	}
	return words
}

// source is a tensor with the taps that take a result from it.
type source struct {
	x             engine.Tensor
	rows, columns [][]engine.Tap
}

// resampled makes the kernel that adds up the sources, each by its taps.
func (c *compiler) resampled(sources []source, residual any, relu bool) error {
	if len(sources) > maxSources {
		return fmt.Errorf("%d inputs to resize, %d at most", len(sources), maxSources)
	}
	y := c.out
	t := ""
	arguments := make([]any, 2*maxSources)
	for i, s := range sources {
		var err error
		if t, err = feature(s.x, y); err != nil {
			return err
		}
		rows := axis(s.rows)
		words := append([]int32{int32(s.x.Shape[1]), int32(s.x.Shape[2]), int32(3 + len(rows))}, rows...)
		table, err := c.table(append(words, axis(s.columns)...))
		if err != nil {
			return err
		}
		arguments[2*i], arguments[2*i+1] = s.x, table
	}
	return c.step("resize_"+t, size(y), append(arguments, residual, y, y.Shape[1], y.Shape[2], y.Shape[3], size(y), relu)...)
}

func (c *compiler) resize(op engine.ResizeBlock) error {
	var residual any
	if op.Residual {
		r := c.in[op.ResidualAt()]
		if r.Type != c.out.Type {
			return fmt.Errorf("residual %v", r.Desc)
		}
		residual = r
	}
	var sources []source
	for _, x := range c.in[:op.ResidualAt()] {
		sources = append(sources, source{x, engine.Taps(x.Shape[1], op.Resize2D.Height, op.Resize2D.Mode),
			engine.Taps(x.Shape[2], op.Resize2D.Width, op.Resize2D.Mode)})
	}
	return c.resampled(sources, residual, op.ReLU)
}

func (c *compiler) resizeGrad(op nn.Resize2DGrad) error {
	dy := c.in[0]
	return c.resampled([]source{{dy,
		engine.Transpose(engine.Taps(op.Height, dy.Shape[1], op.Mode), op.Height),
		engine.Transpose(engine.Taps(op.Width, dy.Shape[2], op.Mode), op.Width)}}, nil, false)
}
