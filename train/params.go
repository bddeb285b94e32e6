package train

import (
	"fmt"

	"scalenet/checkpoint"
	"scalenet/collective"
	"scalenet/engine"
	"scalenet/nn"
)

// Params returns the parameters of a store in order, after copying them to the device.
func Params(store *engine.Store) ([]Param, error) {
	var list []Param
	for _, p := range store.Params().All() {
		v, err := store.Tensor(p, engine.Float32)
		if err != nil {
			return nil, err
		}
		list = append(list, Param{
			Name: p.Name, Len: len(p.Data), Value: v.Mem, Version: v.Version,
			Trainable: p.Kind.Learned() && !p.Frozen,
		})
	}
	return list, nil
}

// RestoreParams sets every parameter of a store to its value in a file.
func RestoreParams(store *engine.Store, f *checkpoint.File) error {
	for _, p := range store.Params().All() {
		tensor, ok := f.Tensor(p.Name)
		if !ok {
			return fmt.Errorf("tensor %s is missing", p.Name)
		}
		if err := tensor.CopyFloat32s(p.Data); err != nil {
			return err
		}
		if err := p.Check(); err != nil {
			return err
		}
	}
	return store.Upload()
}

// Untrained returns the names of frozen parameters that are randomly initialised,
// because they are not among the names loaded from a trained model.
func Untrained(params *nn.Params, taken []string) (names []string) {
	has := make(map[string]bool, len(taken))
	for _, name := range taken {
		has[name] = true
	}
	for _, p := range params.All() {
		if p.Frozen && !has[p.Name] {
			names = append(names, p.Name)
		}
	}
	return names
}

// ParamsBytes returns the memory in bytes that parameters, optimiser state, gradient sums and EMA take on a device, which may be the host. g is the processes that
// share the run, nil for one process alone.
func ParamsBytes(params *nn.Params, c Config, dev engine.Device, g *collective.Group) int {
	all, trained := 0, 0
	for _, p := range params.All() {
		all += len(p.Data)
		if p.Kind.Learned() && !p.Frozen && !c.Frozen(p.Name) {
			trained += len(p.Data)
		}
	}
	alone := g == nil || g.Size() == 1
	if alone {
		g = collective.NewLocal(1, collective.Options{})[0]
	}
	bytes := 4 * (all + trained*(len(c.updateRule().state())+c.sumSlots(alone)))
	if c.EMADecay > 0 {
		bytes += 4 * all
	}
	switch _, linked := dev.(engine.Linker); {
	case alone && !c.rounds():
	case !linked:
		bytes += 4*trained + g.ReductionBytes(trained, c.Accumulate) // a batch's gradients, and the sums
	case !alone:
		bytes += g.DeviceReductionBytes(trained, c.Accumulate, c.Wire.on())
	}
	return bytes
}
