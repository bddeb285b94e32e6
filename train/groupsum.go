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
	// begin begins a step of a number of batches.
	begin(batches int)
	// add adds the gradients of a batch, as in Optimizer.Accumulate. They are not kept.
	add(place int, grads []engine.Memory) error
	// settle follows the batches of this process, also if one failed. Its error is the group's.
	settle() error
	// finish gives the optimiser the sum over a number of batches.
	finish(batches int) error
	// close ends the sums, with other processes only if the run did not fail.
	close(failed bool) error
}

// groupSum makes the sums of a run of several processes: on the devices if they can be linked, otherwise by way of the host.
func (l *Loop[B]) groupSum() (groupSum, error) {
	o := collective.ReductionOptions{Places: l.Config.Accumulate, Parts: l.optimizer.lengths(l.optimizer.all()), Wire: l.Config.Wire.on()}
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
	if model, ok := l.Model.(Staged); ok {
		return newStagedSum(l.Group, model, l.optimizer, o)
	}
	return newHostSum(l.Group, l.optimizer, l.optimizer.all(), o)
}

// hostSum is a sum in the host's memory.
type hostSum struct {
	*collective.Reduction
	optimizer *Optimizer
	of        []int       // the trained parameters that are summed
	grads     [][]float32 // of one batch: one slice per parameter
}

// newHostSum returns the sums of some of the trained parameters.
func newHostSum(g *collective.Group, optimizer *Optimizer, of []int, o collective.ReductionOptions) (*hostSum, error) {
	o.Parts = optimizer.lengths(of)
	sum, err := collective.NewReduction(g, o)
	return &hostSum{Reduction: sum, optimizer: optimizer, of: of}, err
}

func (h *hostSum) begin(int) {}

func (h *hostSum) settle() error { return nil }

func (h *hostSum) add(place int, grads []engine.Memory) error {
	if h.grads == nil {
		for _, n := range h.optimizer.lengths(h.of) {
			h.grads = append(h.grads, make([]float32, n))
		}
	}
	read, err := h.optimizer.read(grads, h.of, h.grads)
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
	h.optimizer.summedElsewhere(batches)
	return h.optimizer.write(sum, h.of)
}

func (h *hostSum) close(bool) error { return nil }

// deviceSum is a sum in the memory of linked devices.
type deviceSum struct {
	*collective.DeviceReduction
	optimizer *Optimizer
}

func (d *deviceSum) begin(int) {}

func (d *deviceSum) settle() error { return nil }

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
