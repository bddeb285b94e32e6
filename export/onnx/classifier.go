package onnx

import (
	"fmt"

	"scalenet/backbone"
	"scalenet/classify"
	"scalenet/nn"
)

// Classifier returns a classifier as an ONNX model:
//
//	image (N, H, W, 3) uint8, RGB
//	-> logits (N, K) float32
//	   probabilities (N, K) float32
//
// Class k is entry k of the metadata's list "classes". All images of a batch have one size. An operation without an ONNX form is an error that names it.
func Classifier(m *classify.Model) (out *Model, err error) {
	if err := nn.Build(func() { out, err = classifierModel(m) }); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return out, err
}

func classifierModel(m *classify.Model) (*Model, error) {
	c := m.Config.Input
	network, err := m.Config.Backbone.New()
	if err != nil {
		return nil, err
	}
	g := nn.NewGraph(m.Params, false)
	images := g.Features("images", 1, c.Size, c.Size, 3)
	logits := backbone.Classifier(g, network, images, len(m.Classes))
	b := newBuilder("classifier")
	n := newNetwork(b, []*nn.Graph{g}, logits)
	n.values[images] = b.centre(c, b.image())
	found := n.of(logits)
	b.rename(found, "logits")
	b.rename(b.with("Softmax", attributes{"axis": 1}, found), "probabilities")
	b.graph.Output = append(b.graph.Output,
		described("logits", float32Type, "batch", len(m.Classes)), described("probabilities", float32Type, "batch", len(m.Classes)))
	return b.file(m.Classes, m.Metadata())
}

// centre is the resize and centre crop of evaluation: bytes (N, H, W, 3) -> (N, 3, Size, Size).
func (b *builder) centre(c classify.Input, image value) value {
	from := sides{b.size(image, 2), b.size(image, 1)}
	shorter, size := b.op("Min", from.w, from.h), b.ints(c.TestResize)
	to := from.each(func(side value) value {
		return b.op("Max", b.op("Div", b.op("Mul", side, size), shorter), size)
	})
	x := b.pillow(b.transpose(b.cast(image, float32Type), 0, 3, 1, 2), to)
	start := to.each(func(side value) value {
		margin := b.cast(b.op("Sub", side, b.ints(c.Size)), float32Type)
		return b.cast(b.op("Round", b.op("Mul", margin, b.float(0.5))), int64Type)
	})
	first := b.concat(0, start.h, start.w)
	x = b.op("Slice", x, first, b.op("Add", first, b.ints(c.Size)), b.ints(2, 3))
	return b.normalize(x, c.Mean, c.Std)
}
