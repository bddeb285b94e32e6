package train

import (
	"fmt"

	"scalenet/checkpoint"
	"scalenet/engine"
)

// EMA is the exponential moving average of a model's parameters and running
// statistics: average = d*average + (1-d)*value after every step, with
// d = min(decay, (1+step)/(10+step)), so that initial values decay fast.
type EMA struct {
	device  Device
	decay   float64
	params  []Param
	average []engine.Memory
	scratch engine.Memory // as long as the longest parameter, for swapping
}

// NewEMA starts the averages at the current values. Close frees its memory.
func NewEMA(device Device, params []Param, decay float64) (*EMA, error) {
	e := &EMA{device: device, decay: decay, params: params}
	longest := 0
	for _, p := range params {
		longest = max(longest, p.Len)
		m, err := device.Alloc(4 * p.Len)
		if err != nil {
			e.Close()
			return nil, fmt.Errorf("average of parameter %q: %w", p.Name, err)
		}
		e.average = append(e.average, m)
	}
	var err error
	if e.scratch, err = device.Alloc(4 * longest); err != nil {
		e.Close()
		return nil, fmt.Errorf("average of parameters: %w", err)
	}
	return e, e.blend(1)
}

// Close frees the device memory.
func (e *EMA) Close() {
	for _, m := range e.average {
		e.device.Free(m)
	}
	if e.scratch != nil {
		e.device.Free(e.scratch)
	}
	e.average, e.scratch = nil, nil
}

// Update updates the averages after step, counted from 0.
func (e *EMA) Update(step int) error {
	decay := min(e.decay, float64(1+step)/float64(10+step))
	return e.blend(float32(1 - decay))
}

// blend moves the averages by a fraction towards the values.
func (e *EMA) blend(share float32) error {
	for i, p := range e.params {
		if err := e.device.Blend(e.average[i], p.Value, p.Len, share, 1-share); err != nil {
			return fmt.Errorf("average of %q: %w", p.Name, err)
		}
	}
	return nil
}

// Swap exchanges averages and values, so that the model has the averaged weights. A
// second Swap undoes it. Update must not be called in between.
func (e *EMA) Swap() error {
	for i, p := range e.params {
		for _, copied := range [][2]engine.Memory{{e.scratch, p.Value}, {p.Value, e.average[i]}, {e.average[i], e.scratch}} {
			if err := e.device.Blend(copied[0], copied[1], p.Len, 1, 0); err != nil {
				return fmt.Errorf("swapping %q: %w", p.Name, err)
			}
		}
		p.changed()
	}
	return nil
}

// State returns the averages, under the names of their parameters.
func (e *EMA) State() ([]checkpoint.Tensor, error) {
	tensors := make([]checkpoint.Tensor, 0, len(e.params))
	for i, p := range e.params {
		tensor, err := readTensor(e.device, p.Name, e.average[i], p.Len)
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, tensor)
	}
	return tensors, nil
}

// Restore sets the averages. get returns the tensor of a parameter by name.
func (e *EMA) Restore(get func(name string) (checkpoint.Tensor, error)) error {
	for i, p := range e.params {
		if err := writeTensor(e.device, get, p.Name, e.average[i], p.Len); err != nil {
			return err
		}
	}
	return nil
}
