package train

import (
	"fmt"

	"scalenet/checkpoint"
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

// ParamsBytes returns the memory in bytes of parameters, optimiser state, gradient
// sums (with gradient accumulation) and EMA.
func ParamsBytes(params *nn.Params, c Config) (bytes int) {
	arrays := 2
	if c.Optimizer == AdamW {
		arrays++
	}
	arrays += c.sumSlots()
	if c.EMADecay > 0 {
		arrays++
	}
	for _, p := range params.All() {
		bytes += 4 * arrays * len(p.Data)
	}
	return bytes
}
