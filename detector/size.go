package detector

import (
	"slices"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/train"
)

// TrainingBytes is the least memory in bytes that training takes on the device
// with batches of the given padded sizes: what steps keep at the two largest
// sizes, which stay compiled, and the parameters with what belongs to them.
func (m *Model) TrainingBytes(dev engine.Device, sizes []geom.Size) (int, error) {
	sizes = slices.Clone(sizes)
	slices.SortFunc(sizes, func(a, b geom.Size) int { return b.W*b.H - a.W*a.H })
	total := train.ParamsBytes(m.Params, m.Config.Train)
	for _, s := range sizes[:min(trainingPlans, len(sizes))] {
		n, err := m.stepBytes(dev, batchSize{m.Config.Batch, s.H, s.W})
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// stepBytes is the memory of the plans of a size, on images.
func (m *Model) stepBytes(dev engine.Device, size batchSize) (int, error) {
	t := &training{size: size, dev: dev}
	spec, _, err := m.firstSpec(t)
	if err != nil {
		return 0, err
	}
	first, err := engine.Measure(dev, spec)
	if err != nil {
		return 0, err
	}
	if spec, _, err = m.secondSpec(t, engine.Tensor{}); err != nil {
		return 0, err
	}
	second, err := engine.Measure(dev, spec)
	return first + second, err
}
