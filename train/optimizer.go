package train

import (
	"fmt"
	"math"
	"slices"

	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/nn"
)

// Optimizer updates the learned parameters by the update rule of the configuration.
// It has what all rules share: gradient accumulation, clipping, loss scale, groups.
// As in PyTorch, a parameter without gradient is not changed in a step, not even by
// weight decay.
type Optimizer struct {
	device  Device
	rule    updateRule
	clip    float64
	trained []trained
	sum     batchSum // nil if a step is one batch that is not rounded, or several processes make the sums
	batches int      // since the last step
	scale   float64
}

// batchSum adds the gradients of the batches of a step, which come in order.
type batchSum interface {
	// add adds the gradients of the next batch; grads has nil for parameters without one.
	add(trained []trained, grads []engine.Memory) error
	// finish sets the gradient of each parameter to the sum. It may be called again.
	finish(trained []trained) error
	// drop forgets what was added.
	drop()
}

// trained is a parameter with its optimiser state.
type trained struct {
	Param
	treatment
	index int             // among the parameters of the model
	steps int             // that updated the parameter
	state []engine.Memory // the arrays of the rule
	sum   subtrees        // of gradients; empty without a batchSum
	// grad is the gradient for the next step, before division by the number of
	// batches; nil if no batch had a gradient.
	grad engine.Memory
}

// NewOptimizer returns an optimiser for the learned parameters that no group
// freezes. The configuration must be valid. Close frees its memory.
func NewOptimizer(device Device, params []Param, c Config) (*Optimizer, error) {
	return newOptimizer(device, params, c, true)
}

// newOptimizer is NewOptimizer; if not alone, several processes make the sums of gradients.
func newOptimizer(device Device, params []Param, c Config, alone bool) (*Optimizer, error) {
	o := &Optimizer{device: device, rule: c.updateRule(), clip: c.ClipNorm, scale: 1}
	for i, p := range params {
		how := c.treatment(p.Name)
		if how.frozen || !p.Trainable {
			continue
		}
		o.trained = append(o.trained, trained{Param: p, index: i, treatment: how})
		if err := o.alloc(&o.trained[len(o.trained)-1], c.sumSlots(alone)); err != nil {
			o.Close()
			return nil, fmt.Errorf("optimiser of parameter %q: %w", p.Name, err)
		}
	}
	if len(o.trained) == 0 {
		return nil, fmt.Errorf("none of the %d parameters is trained", len(params))
	}
	var err error
	switch {
	case !alone:
	case c.rounds():
		if o.sum, err = newRoundedSum(o, c); err != nil {
			o.Close()
			return nil, err
		}
	case c.Accumulate > 1:
		o.sum = &gradientSum{device: device}
	}
	return o, nil
}

// alloc allocates the state of a parameter, with a number of arrays for sums.
func (o *Optimizer) alloc(t *trained, slots int) error {
	for range o.rule.state() {
		m, err := o.device.Alloc(4 * t.Len)
		if err != nil {
			return err
		}
		t.state = append(t.state, m)
	}
	t.sum.present = make([]bool, slots)
	for range slots {
		m, err := o.device.Alloc(4 * t.Len)
		if err != nil {
			return err
		}
		t.sum.memory = append(t.sum.memory, m)
	}
	return nil
}

// Close frees the device memory.
func (o *Optimizer) Close() {
	for _, t := range o.trained {
		for _, m := range t.state {
			o.device.Free(m)
		}
		for _, m := range t.sum.memory {
			o.device.Free(m)
		}
	}
	o.trained = nil
}

// Scaled sets the loss scale, by which later gradients are divided.
func (o *Optimizer) Scaled(factor float64) { o.scale = factor }

// Accumulate adds the gradients of a batch to the next step: one per parameter of
// NewOptimizer, nil for parameters without gradient. If a step is one batch, Step
// reads their memory, which must be valid until then.
func (o *Optimizer) Accumulate(grads []engine.Memory) error {
	o.batches++
	if o.sum != nil {
		return o.sum.add(o.trained, grads)
	}
	for i := range o.trained {
		t := &o.trained[i]
		if grad := grads[t.index]; grad != nil {
			t.grad = grad
		}
	}
	return nil
}

// sequential sets the order in which the gradients of several batches are added.
func (o *Optimizer) sequential(on bool) {
	if sum, ok := o.sum.(*gradientSum); ok {
		sum.sequential = on
	}
}

// all returns the numbers of the trained parameters, from 0.
func (o *Optimizer) all() (list []int) {
	for i := range o.trained {
		list = append(list, i)
	}
	return list
}

// among returns the numbers of those trained parameters that are in a list.
func (o *Optimizer) among(list []*nn.Param) (numbers []int) {
	for i, t := range o.trained {
		if slices.ContainsFunc(list, func(p *nn.Param) bool { return p.Name == t.Name }) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// lengths returns the numbers of elements of some of the trained parameters.
func (o *Optimizer) lengths(of []int) (list []int) {
	for _, i := range of {
		list = append(list, o.trained[i].Len)
	}
	return list
}

// read copies gradients, as in Accumulate, of some of the trained parameters to the host: into one slice of to for each. It returns nil for those without
// gradient.
func (o *Optimizer) read(grads []engine.Memory, of []int, to [][]float32) ([][]float32, error) {
	read := make([][]float32, len(to))
	for i, number := range of {
		t := o.trained[number]
		grad := grads[t.index]
		if grad == nil {
			continue
		}
		if err := o.device.Read(to[i], grad); err != nil {
			return nil, fmt.Errorf("gradient of %q: %w", t.Name, err)
		}
		read[i] = to[i]
	}
	return read, nil
}

// summedElsewhere begins a step whose gradients are sums over a number of batches, which write sets.
func (o *Optimizer) summedElsewhere(batches int) {
	o.Skip()
	o.batches = batches
}

// write sets the gradients of some of the trained parameters: one slice for each, nil without gradient.
func (o *Optimizer) write(sums [][]float32, of []int) error {
	for i, sum := range sums {
		if sum == nil {
			continue
		}
		t := &o.trained[of[i]]
		if err := o.device.Write(t.sum.memory[0], sum); err != nil {
			return fmt.Errorf("gradient of %q: %w", t.Name, err)
		}
		t.grad = t.sum.memory[0]
	}
	return nil
}

// ofTrained returns those of gradients, as in Accumulate, that belong to trained parameters.
func (o *Optimizer) ofTrained(grads []engine.Memory) (list []engine.Memory) {
	for _, t := range o.trained {
		list = append(list, grads[t.index])
	}
	return list
}

// use sets the gradients of a step to sums over a number of batches, whose memory must be valid until the step: one per trained parameter, nil
// without gradient.
func (o *Optimizer) use(sums []engine.Memory, batches int) {
	o.summedElsewhere(batches)
	for i, sum := range sums {
		o.trained[i].grad = sum
	}
}

// summed sets the gradients of the step to the sums over its batches.
func (o *Optimizer) summed() error {
	if o.sum == nil {
		return nil
	}
	return o.sum.finish(o.trained)
}

// GradNorm returns the Euclidean norm of all gradients together, averaged over the
// accumulated batches.
func (o *Optimizer) GradNorm() (float64, error) {
	if err := o.summed(); err != nil {
		return 0, err
	}
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

// Step updates the parameters with the mean of the gradients accumulated since the
// last step. With clipping, a NaN or infinite norm is an error and nothing changes.
func (o *Optimizer) Step(lr float64) error {
	if o.batches == 0 {
		return fmt.Errorf("optimiser step without a batch")
	}
	if err := o.summed(); err != nil {
		return err
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
		update := o.rule.update(coefficients{lr: lr * t.lrScale, decay: t.decay, l1: t.l1, gradScale: scale, step: t.steps})
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
	if o.sum != nil {
		o.sum.drop()
	}
	o.batches = 0
}

// stepState is the name of the step counts in State, as in PyTorch.
const stepState = "step"

// State returns the optimiser state, such as "exp_avg/NAME" for each parameter
// NAME, and "step/NAME" if the rule counts steps.
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

// Restore sets the state that State returned. get returns a tensor by name.
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

// readSteps returns the step count in a tensor.
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
		return fmt.Errorf("tensor %q has the value %v at [%d], want finite values", tensor.Name, values[i], i)
	}
	if err := d.Write(m, values); err != nil {
		return fmt.Errorf("writing %q: %w", name, err)
	}
	return nil
}
