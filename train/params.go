package train

import (
	"fmt"

	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/nn"
)

// Params lists a store's parameters in their order, all of them uploaded.
func Params(store *engine.Store) ([]Param, error) {
	var list []Param
	for _, p := range store.Params().All() {
		v, err := store.Tensor(p, engine.Float32)
		if err != nil {
			return nil, err
		}
		list = append(list, Param{
			Name: p.Name, Len: len(p.Data), Value: v.Mem, Version: v.Version,
			Learned: p.Kind.Learned() && !p.Frozen,
		})
	}
	return list, nil
}

// RestoreParams gives every parameter of a store the value it has in a file.
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

// Untrained lists the parameters that are frozen and still random: not among
// the names of those taken from a trained model.
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

// ParamsBytes is the memory in bytes of parameters and of what a training has
// for each: what the optimiser keeps, the sum of gradients if there are several
// batches in a step, and the average.
func ParamsBytes(params *nn.Params, c Config) (bytes int) {
	arrays := 2
	if c.Optimizer == AdamW {
		arrays++
	}
	if c.Accumulate > 1 {
		arrays++
	}
	if c.EMADecay > 0 {
		arrays++
	}
	for _, p := range params.All() {
		bytes += 4 * arrays * len(p.Data)
	}
	return bytes
}
