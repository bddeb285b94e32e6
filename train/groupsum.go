package train

import (
	"errors"

	"scalenet/collective"
	"scalenet/engine"
)

// groupSum sums the gradients of a step over the batches of all processes, for the optimiser.
type groupSum interface {
	// Places returns the places of this process among the batches of a step.
	Places() (first, end int)
	// add adds the gradients of a batch, as in Optimizer.Accumulate. They are not kept.
	add(place int, grads []engine.Memory) error
	// finish gives the optimiser the sum over a number of batches.
	finish(batches int) error
	// close ends the sums, with other processes only if the run did not fail.
	close(failed bool) error
}

// groupSum makes the sums of a run of several processes: on the devices if they can be linked, otherwise by way of the host.
func (l *Loop[B]) groupSum() (groupSum, error) {
	o := collective.ReductionOptions{Places: l.Config.Accumulate, Parts: l.optimizer.lengths(), Wire: l.Config.Wire.on()}
	if device, ok := l.Device.(engine.Linker); ok {
		sum, err := collective.NewDeviceReduction(l.Group, device, o)
		if err == nil {
			return &deviceSum{sum, l.optimizer}, nil
		}
		if !errors.As(err, new(*collective.NoLinkError)) {
			return nil, err
		}
		l.Progress.Note("gradients are exchanged by way of the host: " + err.Error())
	}
	sum, err := collective.NewReduction(l.Group, o)
	if err != nil {
		return nil, err
	}
	return &hostSum{Reduction: sum, optimizer: l.optimizer}, nil
}

// hostSum is a sum in the host's memory.
type hostSum struct {
	*collective.Reduction
	optimizer *Optimizer
	grads     [][]float32 // of one batch: one slice per trained parameter
}

func (h *hostSum) add(place int, grads []engine.Memory) error {
	if h.grads == nil {
		for _, n := range h.optimizer.lengths() {
			h.grads = append(h.grads, make([]float32, n))
		}
	}
	read, err := h.optimizer.read(grads, h.grads)
	if err != nil {
		return err
	}
	return h.Add(place, read)
}

func (h *hostSum) finish(batches int) error {
	sum, err := h.Finish()
	if err != nil {
		return err
	}
	return h.optimizer.take(sum, batches)
}

func (h *hostSum) close(bool) error { return nil }

// deviceSum is a sum in the memory of linked devices.
type deviceSum struct {
	*collective.DeviceReduction
	optimizer *Optimizer
}

func (d *deviceSum) add(place int, grads []engine.Memory) error {
	return d.Add(place, d.optimizer.ofTrained(grads))
}

func (d *deviceSum) finish(batches int) error {
	sum, err := d.Finish()
	if err != nil {
		return err
	}
	d.optimizer.use(sum, batches)
	return nil
}

func (d *deviceSum) close(failed bool) error {
	if failed {
		d.Abandon()
	}
	return d.Close()
}
