package detector

import (
	"fmt"
	"math/rand/v2"

	"scalenet/assign"
	"scalenet/coco"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// targets is the memory of what a step reads and writes between the graphs,
// allocated once a plan.
type targets struct {
	proposals            []float32 // rows of regions
	rpnLabels            []int32
	rpnBoxes, rpnWeights []float32
	regions              []float32
	labels               []int32
	boxes, weights       []float32
}

func newTargets(t *training) targets {
	floats := func(n *nn.Node) []float32 { return make([]float32, n.Shape().TotalSize()) }
	return targets{
		proposals: floats(t.proposing.regions),
		rpnLabels: make([]int32, t.rpnLabels.Shape()[0]), rpnBoxes: floats(t.rpnBoxes), rpnWeights: floats(t.rpnWeights),
		regions: floats(t.regions), labels: make([]int32, t.labels.Shape()[0]), boxes: floats(t.boxes), weights: floats(t.weights),
	}
}

// example is an image of a training batch: its size without the padding and
// what is in it.
type example struct {
	size  geom.Size
	truth assign.GroundTruth
}

// examples is a batch in the model's box convention. An error names the image.
func (m *Model) examples(b *coco.Batch) ([]example, error) {
	list := make([]example, len(b.Samples))
	for i, s := range b.Samples {
		boxes, classes := make([]geom.Box, len(s.Boxes)), make([]int32, len(s.Boxes))
		for j := range boxes {
			boxes[j], classes[j] = m.toConvention(s.Boxes[j]), int32(s.Classes[j])
		}
		truth, err := assign.NewGroundTruth(boxes, classes, s.Crowd, m.Config.Boxes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.FileName, err)
		}
		list[i] = example{s.Resized, truth}
	}
	return list, nil
}

// toConvention brings a box, continuous as annotations are, to the model's convention.
func (m *Model) toConvention(b geom.Box) geom.Box {
	if m.Config.Boxes == geom.Inclusive {
		b.X2, b.Y2 = b.X2-1, b.Y2-1
	}
	return b
}

// toContinuous is the reverse of toConvention.
func (m *Model) toContinuous(b geom.Box) geom.Box {
	if m.Config.Boxes == geom.Inclusive {
		b.X2, b.Y2 = b.X2+1, b.Y2+1
	}
	return b
}

// samples is what a step is trained on; a test may bring its own.
type samples struct {
	anchors []rpn.Targets
	regions []roi.Samples
}

// sample draws anchors and regions for each image of a batch whose first
// graph has run.
func (t *training) sample(m *Model, batch []example, random *rand.Rand) (s samples) {
	n := len(batch)
	for i, e := range batch {
		s.anchors = append(s.anchors, m.Config.RPN.Sample(t.grid, e.truth, e.size, random))
		s.regions = append(s.regions, m.Config.RoI.Sample(nn.RegionsOf(part(t.targets.proposals, i, n)), e.truth, random))
	}
	return s
}

// fill writes the samples as the losses read them. Box losses are divided by
// the number of samples of the whole batch, as in torchvision.
func (t *training) fill(m *Model, s samples) error {
	anchors, regions := 0, 0
	for i := range s.anchors {
		anchors += s.anchors[i].Samples()
		regions += len(s.regions[i].Boxes)
	}
	n, v := len(s.anchors), &t.targets
	for i := range s.anchors {
		if err := s.anchors[i].Fill(float32(max(anchors, 1)), part(v.rpnLabels, i, n), part(v.rpnBoxes, i, n), part(v.rpnWeights, i, n)); err != nil {
			return err
		}
		nn.FillRegions(part(v.regions, i, n), i, s.regions[i].Boxes)
		if err := m.Config.RoI.Fill(s.regions[i], len(m.Classes), float32(max(regions, 1)), part(v.labels, i, n), part(v.boxes, i, n), part(v.weights, i, n)); err != nil {
			return err
		}
	}
	repeatRegions(v.regions)
	return nil
}

// repeatRegions fills the rows that no region was sampled for with those that
// were, one after the other. Their labels are ignored; what they are for is a
// BatchNorm in training, whose moments would be off with rows of zeros. Without
// any region zeros remain.
func repeatRegions(rows []float32) {
	var filled []int
	for i := 0; i < len(rows); i += 5 {
		if rows[i] != nn.NoImage {
			filled = append(filled, i)
		}
	}
	for i, next := 0, 0; i < len(rows) && len(filled) > 0; i += 5 {
		if rows[i] == nn.NoImage {
			copy(rows[i:i+5], rows[filled[next%len(filled)]:])
			next++
		}
	}
}
