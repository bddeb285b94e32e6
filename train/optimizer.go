package train

import (
	"fmt"
	"math"
	"slices"

	"scalenet/checkpoint"
	"scalenet/engine"
)

// Optimizer changes the learned parameters along their gradients by the update
// rule that the configuration names. What all rules have in common is here: the
// mean of several batches, clipping, scaled losses, groups. As in PyTorch, a
// parameter without a gradient in a step stays as it is, decay and all.
type Optimizer struct {
	device  Device
	rule    updateRule
	clip    float64
	trained []trained
	sums    bool // gradients are summed over several batches
	batches int  // since the last step
	scale   float64
}

// trained is a parameter with what the optimiser keeps about it.
type trained struct {
	Param
	index          int // among the parameters of the model
	lrScale, decay float64
	steps          int             // that changed it
	state          []engine.Memory // the arrays of the rule
	sum            engine.Memory   // of gradients; nil when a step is one batch
	// grad is what the coming step descends along, before it is divided by the
	// number of batches; nil when no batch had a gradient.
	grad engine.Memory
}

// NewOptimizer makes an optimiser of the learned parameters that no group of the
// configuration, which must be valid, freezes. Close frees its memory.
func NewOptimizer(device Device, params []Param, c Config) (*Optimizer, error) {
	o := &Optimizer{device: device, rule: c.updateRule(), clip: c.ClipNorm, sums: c.Accumulate > 1, scale: 1}
	for i, p := range params {
		lrScale, decay, frozen := c.group(p.Name)
		if frozen || !p.Learned {
			continue
		}
		o.trained = append(o.trained, trained{Param: p, index: i, lrScale: lrScale, decay: decay})
		if err := o.alloc(&o.trained[len(o.trained)-1]); err != nil {
			o.Close()
			return nil, fmt.Errorf("optimiser of parameter %q: %w", p.Name, err)
		}
	}
	if len(o.trained) == 0 {
		return nil, fmt.Errorf("none of the %d parameters is trained", len(params))
	}
	return o, nil
}

// alloc makes the memory of a parameter.
func (o *Optimizer) alloc(t *trained) error {
	for range o.rule.state() {
		m, err := o.device.Alloc(4 * t.Len)
		if err != nil {
			return err
		}
		t.state = append(t.state, m)
	}
	if !o.sums {
		return nil
	}
	var err error
	t.sum, err = o.device.Alloc(4 * t.Len)
	return err
}

// Close frees the device memory.
func (o *Optimizer) Close() {
	for _, t := range o.trained {
		for _, m := range t.state {
			o.device.Free(m)
		}
		if t.sum != nil {
			o.device.Free(t.sum)
		}
	}
	o.trained = nil
}

// Scaled says that gradients from now on are those of losses that were multiplied by a factor.
func (o *Optimizer) Scaled(factor float64) { o.scale = factor }

// Accumulate takes the gradients of a batch into the coming step: one for each
// parameter that NewOptimizer was given, nil where the batch has none. When a step is
// one batch, their memory is read by Step and must last until then.
func (o *Optimizer) Accumulate(grads []engine.Memory) error {
	o.batches++
	for i := range o.trained {
		t := &o.trained[i]
		grad := grads[t.index]
		switch {
		case grad == nil:
			continue
		case !o.sums:
			t.grad = grad
			continue
		}
		keep := float32(1)
		if t.grad == nil { // what is in sum belongs to an earlier step
			keep = 0
		}
		if err := o.device.Blend(t.sum, grad, t.Len, 1, keep); err != nil {
			return fmt.Errorf("gradient of %q: %w", t.Name, err)
		}
		t.grad = t.sum
	}
	return nil
}

// GradNorm is the Euclidean norm of all gradients together, averaged over the
// batches accumulated so far.
func (o *Optimizer) GradNorm() (float64, error) {
	var sum float64
	for _, t := range o.trained {
		if t.grad == nil {
			continue
		}
		squares, err := o.device.SumSquares(t.grad, t.Len)
		if err != nil {
			return 0, fmt.Errorf("gradient of %q: %w", t.Name, err)
		}
		sum += squares
	}
	return math.Sqrt(sum) / float64(max(o.batches, 1)) / o.scale, nil
}

// Step changes the parameters, with the mean of the gradients accumulated
// since the last one. A norm that is not finite, when it is to be clipped, is
// an error and changes nothing.
func (o *Optimizer) Step(lr float64) error {
	if o.batches == 0 {
		return fmt.Errorf("a step without a batch")
	}
	scale := 1 / float64(o.batches) / o.scale
	if o.clip > 0 {
		norm, err := o.GradNorm()
		if err != nil {
			return err
		}
		if math.IsNaN(norm) || math.IsInf(norm, 0) {
			return fmt.Errorf("the norm of the gradients is %v", norm)
		}
		// 1e-6 as in PyTorch's clip_grad_norm_.
		scale *= min(1, o.clip/(norm+1e-6))
	}
	for i := range o.trained {
		t := &o.trained[i]
		if t.grad == nil {
			continue
		}
		t.steps++
		update := o.rule.update(coefficients{lr: lr * t.lrScale, decay: t.decay, gradScale: scale, step: t.steps})
		if err := o.device.Update(update, t.Value, t.grad, t.state, t.Len); err != nil {
			return fmt.Errorf("step of parameter %q: %w", t.Name, err)
		}
		t.changed()
	}
	o.Skip()
	return nil
}

// Skip drops the gradients accumulated so far.
func (o *Optimizer) Skip() {
	for i := range o.trained {
		o.trained[i].grad = nil
	}
	o.batches = 0
}

// stepState is the name of the number of steps in State, as in PyTorch.
const stepState = "step"

// State returns what the rule keeps beside the parameters: "exp_avg/NAME" for
// each parameter NAME, and "step/NAME" where the rule counts steps.
func (o *Optimizer) State() ([]checkpoint.Tensor, error) {
	var tensors []checkpoint.Tensor
	for _, t := range o.trained {
		for i, array := range o.rule.state() {
			tensor, err := readTensor(o.device, array+"/"+t.Name, t.state[i], t.Len)
			if err != nil {
				return nil, err
			}
			tensors = append(tensors, tensor)
		}
		if o.rule.countsSteps() {
			tensors = append(tensors, checkpoint.Int64Tensor(stepState+"/"+t.Name, []int{1}, []int64{int64(t.steps)}))
		}
	}
	return tensors, nil
}

// Restore takes back what State gave; get finds a tensor by its name.
func (o *Optimizer) Restore(get func(name string) (checkpoint.Tensor, error)) error {
	for i := range o.trained {
		t := &o.trained[i]
		for j, array := range o.rule.state() {
			if err := writeTensor(o.device, get, array+"/"+t.Name, t.state[j], t.Len); err != nil {
				return err
			}
		}
		if o.rule.countsSteps() {
			var err error
			if t.steps, err = readSteps(get, stepState+"/"+t.Name); err != nil {
				return err
			}
		}
	}
	o.Skip()
	return nil
}

// readSteps is the number of steps in the tensor of a name.
func readSteps(get func(string) (checkpoint.Tensor, error), name string) (int, error) {
	tensor, err := get(name)
	if err != nil {
		return 0, err
	}
	values, err := tensor.Int64s()
	if err != nil {
		return 0, err
	}
	if len(values) != 1 || values[0] < 0 {
		return 0, fmt.Errorf("tensor %q holds %v, not a number of steps", name, values)
	}
	return int(values[0]), nil
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
	if i := slices.IndexFunc(values, func(v float32) bool { return v-v != 0 }); i >= 0 {
		return fmt.Errorf("tensor %q has the value %v at [%d]: the state of a training is finite", tensor.Name, values[i], i)
	}
	if err := d.Write(m, values); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}
