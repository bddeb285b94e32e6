package classify

import (
	"scalenet/backbone"
	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/raster"
)

// Batch has N images of the input size after augmentation, before normalisation.
type Batch struct {
	Pixels []uint8   // [N, Size, Size, 3], BGR
	Shifts []float32 // [N, 3], added to RGB values in [0, 1]
	Labels []int32   // [N], -1 for padding
	Names  []string  // [N], names of the images
}

func newBatch(n, size int) *Batch {
	return &Batch{Pixels: make([]uint8, n*size*size*3), Shifts: make([]float32, n*3), Labels: make([]int32, n), Names: make([]string, n)}
}

// input is an image of the input size. shift is added to the RGB values in [0, 1] of each pixel.
type input struct {
	*imaging.Image
	shift [3]float32
}

// fill sets image i.
func (b *Batch) fill(i int, in input) {
	copy(b.Pixels[i*len(in.Pix):], in.Pix)
	copy(b.Shifts[i*3:], in.shift[:])
}

// inputs are the input nodes for a batch.
type inputs struct {
	images, transforms, shifts *nn.Node
}

// logits builds normalisation and network for n images. The logits have shape [n, classes].
func (m *Model) logits(g *nn.Graph, n int) (in inputs, logits *nn.Node) {
	c := m.Config.Input
	in = inputs{g.Bytes("images", n*c.Size*c.Size*3), g.Labels("transforms", n, nn.TransformRow), g.Input("shifts", n, 3)}
	images := nn.Apply(nn.Preprocess{Mean: c.Mean, Std: c.Std, Height: c.Size, Width: c.Size}, in.images, in.transforms, in.shifts)
	return in, backbone.Classifier(g, m.network, images, len(m.Classes))
}

// write sets the inputs to a batch of images of size x size pixels. On a GPU the pixels are copied asynchronously.
func (in inputs) write(plan *engine.Plan, b *Batch, size int) error {
	var rows []int32
	for i := range b.Labels {
		rows = append(rows, nn.ImageTransform{At: i * size * size * 3, W: size, H: size, Transform: raster.Transform{W: size, H: size}}.Row()...)
	}
	if err := plan.Upload(in.images, b.Pixels); err != nil {
		return err
	}
	if err := plan.Write(in.transforms, rows); err != nil {
		return err
	}
	return plan.Write(in.shifts, b.Shifts)
}
