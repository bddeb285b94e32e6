package train

import (
	"fmt"
	"math/bits"

	"scalenet/engine"
)

// gradientSum adds the gradients of the batches of a step along the stride tree over their places: x[i] += x[i+d] for d = 1, 2, 4, ... The order
// depends on the number of batches only, so that several processes can share the work and get the same bits (package collective). A batch that has no
// gradient for a parameter is absent: x + absent = x.
//
// Batches come in order. Complete subtrees wait on a stack, from large to small, as in a binary counter.
type gradientSum struct {
	device Device
	// sequential adds each batch to the sum of all before it, as runs did whose state has a version below 3.
	sequential bool
	sizes      []int // batches of each subtree on the stack
}

// subtrees are the sums of one parameter: memory for each place of the stack, and whether it holds a gradient.
type subtrees struct {
	memory  []engine.Memory
	present []bool
}

// sumSlots returns the most subtrees that the sum of n batches has on its stack. The right one of two neighbours is added as it comes.
func sumSlots(n int) int { return bits.Len(uint(n - 1)) }

// add adds the gradients of the next batch; grads has nil for parameters without one.
func (g *gradientSum) add(trained []trained, grads []engine.Memory) error {
	top := len(g.sizes) - 1
	joins := top >= 0 && (g.sequential || g.sizes[top] == 1)
	if !joins {
		top++
		g.sizes = append(g.sizes, 0)
	}
	for i := range trained {
		t := &trained[i]
		grad := grads[t.index]
		if !joins {
			t.sum.present[top] = false
		}
		if grad == nil {
			continue
		}
		if err := g.into(t, top, grad); err != nil {
			return err
		}
	}
	g.sizes[top]++
	for n := len(g.sizes); n > 1 && g.sizes[n-1] == g.sizes[n-2]; n = len(g.sizes) {
		if err := g.join(trained); err != nil {
			return err
		}
	}
	return nil
}

// into adds a gradient to the subtree at a place of the stack.
func (g *gradientSum) into(t *trained, place int, grad engine.Memory) error {
	keep := float32(1)
	if !t.sum.present[place] { // what is in memory belongs to an earlier step
		keep = 0
	}
	if err := g.device.Blend(t.sum.memory[place], grad, t.Len, 1, keep); err != nil {
		return fmt.Errorf("gradient of %q: %w", t.Name, err)
	}
	t.sum.present[place] = true
	return nil
}

// join adds the last subtree to the one before it.
func (g *gradientSum) join(trained []trained) error {
	last := len(g.sizes) - 1
	for i := range trained {
		t := &trained[i]
		if !t.sum.present[last] {
			continue
		}
		if err := g.into(t, last-1, t.sum.memory[last]); err != nil {
			return err
		}
	}
	g.sizes[last-1] += g.sizes[last]
	g.sizes = g.sizes[:last]
	return nil
}

// finish adds all subtrees, from the right, and sets the gradient of each parameter.
func (g *gradientSum) finish(trained []trained) error {
	for len(g.sizes) > 1 {
		if err := g.join(trained); err != nil {
			return err
		}
	}
	for i := range trained {
		if t := &trained[i]; len(g.sizes) == 1 && t.sum.present[0] {
			t.grad = t.sum.memory[0]
		}
	}
	return nil
}

// drop forgets what was added.
func (g *gradientSum) drop() { g.sizes = g.sizes[:0] }
