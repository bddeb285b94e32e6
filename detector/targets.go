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

// targets is the memory for the values that a step reads and writes between the graphs, allocated once per plan.
type targets struct {
	proposals            []float32 // (N*rows, 5), read from the first graph
	rpnLabels            []int32   // in the order of levels, then of images
	rpnBoxes, rpnWeights []float32
	rois                 []float32
	labels               []int32
	boxes, weights       []float32

	// The RPN's targets of one image, in the order of levels.
	imageLabels              []int32
	imageBoxes, imageWeights []float32
}

func newTargets(t *training) targets {
	floats := func(n *nn.Node) []float32 { return make([]float32, n.Shape().TotalSize()) }
	return targets{
		proposals: floats(t.proposals),
		rpnLabels: make([]int32, t.rpnLabels.Shape()[0]), rpnBoxes: floats(t.rpnBoxes), rpnWeights: floats(t.rpnWeights),
		rois: floats(t.rois), labels: make([]int32, t.labels.Shape()[0]), boxes: floats(t.boxes), weights: floats(t.weights),
		imageLabels: make([]int32, len(t.grid)), imageBoxes: make([]float32, 4*len(t.grid)), imageWeights: make([]float32, 4*len(t.grid)),
	}
}

// example is one image of a training batch: its size without padding, and its ground truth.
type example struct {
	size  geom.Size
	truth assign.GroundTruth
}

// examples converts a batch to the model's box convention. An error names the image.
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

// toConvention converts a continuous box, as in annotations, to the model's convention.
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

// samples are the sampled anchors and RoIs of a step, one entry per image.
type samples struct {
	anchors []rpn.Targets
	rois    []roi.Samples
}

// sample draws anchors and RoIs for each image of a batch, after the first graph has run.
func (t *training) sample(m *Model, batch []example, random *rand.Rand) (s samples) {
	n := len(batch)
	for i, e := range batch {
		s.anchors = append(s.anchors, m.Config.RPN.Sample(t.grid, e.truth, e.size, random))
		s.rois = append(s.rois, m.Config.RoI.Sample(nn.RoIBoxes(part(t.targets.proposals, i, n)), e.truth, random))
	}
	return s
}

// fill writes the samples to t.targets in the format of the losses. Box losses are divided by the number of samples of the batch, as in
// torchvision.
func (t *training) fill(m *Model, s samples) error {
	anchors, rois := 0, 0
	for i := range s.anchors {
		anchors += s.anchors[i].Samples()
		rois += len(s.rois[i].Boxes)
	}
	n, v := len(s.anchors), &t.targets
	for i := range s.anchors {
		if err := s.anchors[i].Fill(float32(max(anchors, 1)), v.imageLabels, v.imageBoxes, v.imageWeights); err != nil {
			return err
		}
		toLevels(v.rpnLabels, v.imageLabels, i, n, t.cells)
		toLevels(v.rpnBoxes, v.imageBoxes, i, n, t.cells)
		toLevels(v.rpnWeights, v.imageWeights, i, n, t.cells)
		nn.FillRoIs(part(v.rois, i, n), i, s.rois[i].Boxes)
		if err := m.Config.RoI.Fill(s.rois[i], len(m.Classes), float32(max(rois, 1)), part(v.labels, i, n), part(v.boxes, i, n), part(v.weights, i, n)); err != nil {
			return err
		}
	}
	repeatRoIs(v.rois)
	return nil
}

// toLevels copies the values of image i of n, level after level, to those of the batch, where each level has the values of all images. cells is the number of
// anchors of each level; each has the same number of values.
func toLevels[T any](batch, image []T, i, n int, cells []int) {
	total := 0
	for _, c := range cells {
		total += c
	}
	each := len(image) / total
	for _, c := range cells {
		copy(part(batch[:n*c*each], i, n), image[:c*each])
		batch, image = batch[n*c*each:], image[c*each:]
	}
}

// repeatRoIs fills unused rows with copies of the sampled RoIs, in turn. The labels of the copies are ignored. Without the copies, rows of zeros
// would distort the batch mean and variance of a BatchNorm in training. If no RoI was sampled, zeros remain.
func repeatRoIs(rows []float32) {
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
