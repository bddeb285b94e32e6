package detector

import (
	"slices"

	"scalenet/collective"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/train"
)

// TrainingBytes returns a lower bound of the memory in bytes that training with batches of the given padded sizes takes on the device: the plans
// of the two largest sizes, which stay compiled, and the parameters with optimiser state and sums of gradients. g is the processes that share the run, nil for
// one process alone.
func (m *Model) TrainingBytes(dev engine.Device, sizes []geom.Size, g *collective.Group) (int, error) {
	sizes = slices.Clone(sizes)
	slices.SortFunc(sizes, func(a, b geom.Size) int { return b.W*b.H - a.W*a.H })
	total := train.ParamsBytes(m.Params, m.Config.Train, dev, g)
	parts, err := m.gradientParts()
	if err != nil {
		return 0, err
	}
	for _, s := range sizes[:min(trainingPlans, len(sizes))] {
		n, err := m.stepBytes(dev, batchSize{m.Config.Batch, s.H, s.W}, parts)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// stepBytes returns the memory in bytes of the training plans for a batch size, if the host preprocesses.
func (m *Model) stepBytes(dev engine.Device, size batchSize, parts [][]*nn.Param) (int, error) {
	t := &training{size: size, dev: dev}
	spec, _, err := m.firstSpec(t, parts)
	if err != nil {
		return 0, err
	}
	first, err := engine.Measure(dev, spec)
	if err != nil {
		return 0, err
	}
	if spec, _, err = m.secondSpec(t, nil); err != nil {
		return 0, err
	}
	second, err := engine.Measure(dev, spec)
	return first + second, err
}

// DetectionBytes returns a lower bound of the memory in bytes that detection in one image of the given size takes on the device, without the
// parameters.
func (d *deviceModel) DetectionBytes(original geom.Size) (int, error) {
	padded := d.model.PaddedSize(original, d.model.Settings())
	var first, second engine.Spec
	if err := nn.Build(func() {
		first.Graph = nn.NewGraph(d.model.Params, false)
		p := d.model.proposing(first.Graph, batchSize{1, padded.H, padded.W}, d.model.Settings().Proposals.AfterNMS, 0)
		first.Stages, first.Native = [][]*nn.Node{append(slices.Clone(p.features), p.proposals)}, p.features

		second.Graph = nn.NewGraph(d.model.Params, false)
		features := sharedFeatures(second.Graph, p.features)
		rois := second.Graph.Input("regions", d.model.roisAtATime(p.proposals.Shape()[0]), 5)
		logits, boxes := d.model.boxHead(second.Graph, features, rois)
		second.Stages, second.Native = [][]*nn.Node{{logits, boxes}}, features
		second.Shared = unallocated(features)
	}); err != nil {
		return 0, err
	}
	total := 0
	for _, spec := range []engine.Spec{first, second} {
		spec.Features, spec.Quantization = d.options.Features, d.options.Quantization
		n, err := engine.Measure(d.device(), spec)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// unallocated is the memory of features that a specification to measure shares.
func unallocated(features []*nn.Node) map[*nn.Node]engine.Tensor {
	memory := map[*nn.Node]engine.Tensor{}
	for _, f := range features {
		memory[f] = engine.Tensor{}
	}
	return memory
}
