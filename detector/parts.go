package detector

import (
	"slices"

	"scalenet/nn"
	"scalenet/train"
)

// gradientParts returns the parameters in the parts in which a training step knows their gradients, for batches of any size: first what the second graph
// computes, for the box head, then the parts of the first graph's backward pass.
func (m *Model) gradientParts() (parts [][]*nn.Param, err error) {
	add := func(grads []nn.Gradient) {
		var part []*nn.Param
		for _, g := range grads {
			part = append(part, g.Param)
		}
		parts = append(parts, part)
	}
	err = nn.Build(func() {
		t := &training{size: batchSize{1, m.PadTo(1), m.PadTo(1)}}
		_, first := m.buildFirst(t)
		_, _, second := m.buildSecond(t)
		add(second)
		for _, part := range train.GradientParts(first) {
			add(part)
		}
	})
	return parts, err
}

// divided divides gradients into the parts that their parameters are in.
func divided(grads []nn.Gradient, parts [][]*nn.Param) [][]nn.Gradient {
	list := make([][]nn.Gradient, len(parts))
	for i, part := range parts {
		for _, g := range grads {
			if slices.Contains(part, g.Param) {
				list[i] = append(list[i], g)
			}
		}
	}
	return list
}
