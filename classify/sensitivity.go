package classify

import (
	"context"
	"math"

	"scalenet/engine"
)

// Sensitivity returns |value x gradient| of each value of the parameters whose names match accepts, averaged over one epoch of training batches:
// to first order the change of a batch's loss if the value were zero (Molchanov et al., Importance Estimation for Neural Network Pruning, 2019).
// Nothing is trained. batches limits the epoch, 0 does not. done is called after each batch.
func (m *Model) Sensitivity(ctx context.Context, dev engine.Device, data *Dataset, skipped *Skipped, batches int, accepts func(name string) bool, done func(batch, of int)) (map[string][]float64, error) {
	loader, err := NewLoader(m.Config, data, skipped)
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	t, err := NewTrainer(m, dev, data, skipped)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	all := loader.Batches()
	if batches > 0 {
		all = min(all, batches)
	}
	sums := map[string][]float64{}
	for i := range all {
		batch, err := loader.Next(ctx)
		if err != nil {
			return nil, err
		}
		if _, err := t.step.run(ctx, batch, 1, nil); err != nil {
			return nil, err
		}
		if err := t.addSensitivity(dev, sums, accepts, 1/float64(all)); err != nil {
			return nil, err
		}
		done(i+1, all)
	}
	return sums, nil
}

// addSensitivity adds the sensitivities of the last batch, times weight.
func (t *Trainer) addSensitivity(dev engine.Device, sums map[string][]float64, accepts func(name string) bool, weight float64) error {
	for _, p := range t.model.Params.All() {
		memory := t.step.gradients.Of(p)
		if memory == nil || !accepts(p.Name) {
			continue
		}
		gradient := make([]float32, len(p.Data))
		if err := dev.Read(gradient, memory); err != nil {
			return err
		}
		if sums[p.Name] == nil {
			sums[p.Name] = make([]float64, len(p.Data))
		}
		for i, g := range gradient {
			sums[p.Name][i] += weight * math.Abs(float64(g)*float64(p.Data[i]))
		}
	}
	return nil
}
