package train

import (
	"fmt"
	"math"

	"scalenet/checkpoint"
	"scalenet/engine"
)

// SGD is stochastic gradient descent with momentum and weight decay as PyTorch
// defines it: g = grad + decay*w; v = momentum*v + g; w = w - lr*v. As there, a
// parameter without a gradient in a step stays as it is, decay and all.
type SGD struct {
	device   Device
	momentum float64
	clip     float64
	trained  []trained
	sums     bool // gradients are summed over several batches
	batches  int  // since the last step
	scale    float64
}

// trained is a parameter with what the optimiser keeps about it.
type trained struct {
	Param
	index          int // among the parameters of the model
	lrScale, decay float64
	velocity       engine.Memory
	sum            engine.Memory // of gradients; nil when a step is one batch
	// grad is what the coming step descends along, before it is divided by the
	// number of batches; nil when no batch had a gradient.
	grad engine.Memory
}

// NewSGD makes an optimiser of the learned parameters that no group of the
// configuration, which must be valid, freezes. Close frees its memory.
func NewSGD(device Device, params []Param, c Config) (*SGD, error) {
	s := &SGD{device: device, momentum: c.Momentum, clip: c.ClipNorm, sums: c.Accumulate > 1, scale: 1}
	for i, p := range params {
		lrScale, decay, frozen := c.rule(p.Name)
		if frozen || !p.Learned {
			continue
		}
		t := trained{Param: p, index: i, lrScale: lrScale, decay: decay}
		var err error
		if t.velocity, err = device.Alloc(4 * p.Len); err == nil && s.sums {
			t.sum, err = device.Alloc(4 * p.Len)
		}
		s.trained = append(s.trained, t)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("optimiser of parameter %q: %w", p.Name, err)
		}
	}
	if len(s.trained) == 0 {
		return nil, fmt.Errorf("none of the %d parameters is trained", len(params))
	}
	return s, nil
}

// Close frees the device memory.
func (s *SGD) Close() {
	for _, t := range s.trained {
		for _, m := range []engine.Memory{t.velocity, t.sum} {
			if m != nil {
				s.device.Free(m)
			}
		}
	}
	s.trained = nil
}

// Scaled says that gradients from now on are those of losses that were multiplied by a factor.
func (s *SGD) Scaled(factor float64) { s.scale = factor }

// Accumulate takes the gradients of a batch into the coming step: one for each
// parameter that NewSGD was given, nil where the batch has none. When a step is
// one batch, their memory is read by Step and must last until then.
func (s *SGD) Accumulate(grads []engine.Memory) error {
	s.batches++
	for i := range s.trained {
		t := &s.trained[i]
		grad := grads[t.index]
		switch {
		case grad == nil:
			continue
		case !s.sums:
			t.grad = grad
			continue
		}
		keep := float32(1)
		if t.grad == nil { // what is in sum belongs to an earlier step
			keep = 0
		}
		if err := s.device.Blend(t.sum, grad, t.Len, 1, keep); err != nil {
			return fmt.Errorf("gradient of %q: %w", t.Name, err)
		}
		t.grad = t.sum
	}
	return nil
}

// GradNorm is the Euclidean norm of all gradients together, averaged over the
// batches accumulated so far.
func (s *SGD) GradNorm() (float64, error) {
	var sum float64
	for _, t := range s.trained {
		if t.grad == nil {
			continue
		}
		squares, err := s.device.SumSquares(t.grad, t.Len)
		if err != nil {
			return 0, fmt.Errorf("gradient of %q: %w", t.Name, err)
		}
		sum += squares
	}
	return math.Sqrt(sum) / float64(max(s.batches, 1)) / s.scale, nil
}

// Step changes the parameters, with the mean of the gradients accumulated
// since the last one. A norm that is not finite, when it is to be clipped, is
// an error and changes nothing.
func (s *SGD) Step(lr float64) error {
	if s.batches == 0 {
		return fmt.Errorf("a step without a batch")
	}
	scale := 1 / float64(s.batches) / s.scale
	if s.clip > 0 {
		norm, err := s.GradNorm()
		if err != nil {
			return err
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return fmt.Errorf("the norm of the gradients is %v", norm)
		}
		// 1e-6 as in PyTorch's clip_grad_norm_.
		scale *= min(1, s.clip/(norm+1e-6))
	}
	for _, t := range s.trained {
		if t.grad == nil {
			continue
		}
		err := s.device.SGD(t.Value, t.grad, t.velocity, t.Len, engine.SGDStep{
			LR: float32(lr * t.lrScale), Momentum: float32(s.momentum), Decay: float32(t.decay), GradScale: float32(scale),
		})
		if err != nil {
			return fmt.Errorf("step of parameter %q: %w", t.Name, err)
		}
		t.changed()
	}
	s.Skip()
	return nil
}

// Skip drops the gradients accumulated so far.
func (s *SGD) Skip() {
	for i := range s.trained {
		s.trained[i].grad = nil
	}
	s.batches = 0
}

// State returns the velocities, under the names of their parameters.
func (s *SGD) State() ([]checkpoint.Tensor, error) {
	tensors := make([]checkpoint.Tensor, 0, len(s.trained))
	for _, t := range s.trained {
		tensor, err := readTensor(s.device, t.Name, t.velocity, t.Len)
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, tensor)
	}
	return tensors, nil
}

// Restore sets the velocities; get finds the tensor of a parameter.
func (s *SGD) Restore(get func(name string) (checkpoint.Tensor, error)) error {
	for _, t := range s.trained {
		if err := writeTensor(s.device, get, t.Name, t.velocity, t.Len); err != nil {
			return err
		}
	}
	s.Skip()
	return nil
}

// readTensor copies device memory into a flat tensor.
func readTensor(d Device, name string, m engine.Memory, n int) (checkpoint.Tensor, error) {
	values := make([]float32, n)
	if err := d.Read(values, m); err != nil {
		return checkpoint.Tensor{}, fmt.Errorf("reading %q: %w", name, err)
	}
	return checkpoint.Float32Tensor(name, []int{n}, values), nil
}

// writeTensor copies the tensor of a name to device memory.
func writeTensor(d Device, get func(string) (checkpoint.Tensor, error), name string, m engine.Memory, n int) error {
	tensor, err := get(name)
	if err != nil {
		return err
	}
	values := make([]float32, n)
	if err := tensor.CopyFloat32s(values); err != nil {
		return err
	}
	if err := d.Write(m, values); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}
