package classify

import (
	"scalenet/backbone"
	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/raster"
)

// Batch is a number of images of the network's size, cut out and changed, not yet normalised. It belongs to the receiver.
type Batch struct {
	Pixels []uint8   // N x Size x Size x 3: blue, green, red
	Shifts []float32 // N x 3, added to red, green and blue of [0, 1]
	Labels []int32   // -1 where there is no image
	Names  []string  // of the images
}

func newBatch(n, size int) *Batch {
	return &Batch{Pixels: make([]uint8, n*size*size*3), Shifts: make([]float32, n*3), Labels: make([]int32, n), Names: make([]string, n)}
}

// input is an image of the network's size; shift, red, green and blue of [0, 1], is added to every pixel.
type input struct {
	*imaging.Image
	shift [3]float32
}

// fill puts an image into its place.
func (b *Batch) fill(i int, in input) {
	copy(b.Pixels[i*len(in.Pix):], in.Pix)
	copy(b.Shifts[i*3:], in.shift[:])
}

// inputs are a batch in a graph.
type inputs struct {
	images, transforms, shifts *nn.Node
}

// logits is the network on n images, which it normalises: logits (n, K).
func (m *Model) logits(g *nn.Graph, n int) (in inputs, logits *nn.Node) {
	c := m.Config.Input
	in = inputs{g.Bytes("images", n*c.Size*c.Size*3), g.Labels("transforms", n, nn.TransformRow), g.Input("shifts", n, 3)}
	images := nn.Apply(nn.Preprocess{Mean: c.Mean, Std: c.Std, Height: c.Size, Width: c.Size}, in.images, in.transforms, in.shifts)
	return in, backbone.Classifier(g, m.network, images, len(m.Classes))
}

// write sets a batch of images of so many pixels a side. On a GPU the images go up while it computes.
func (in inputs) write(plan *engine.Plan, b *Batch, side int) error {
	var rows []int32
	for i := range b.Labels {
		rows = append(rows, nn.ImageTransform{At: i * side * side * 3, W: side, H: side, Transform: raster.Transform{W: side, H: side}}.Row()...)
	}
	if err := plan.Upload(in.images, b.Pixels); err != nil {
		return err
	}
	if err := plan.Write(in.transforms, rows); err != nil {
		return err
	}
	return plan.Write(in.shifts, b.Shifts)
}
