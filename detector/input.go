package detector

import (
	"fmt"
	"math/bits"

	"scalenet/coco"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/raster"
)

// input is a batch on its way into the network: decoded images if the device preprocesses them, else the pixels of the network's input.
type input struct {
	raw    []coco.RawImage
	pixels []float32
}

// bytes is the size of the decoded images; 0 for pixels.
func (in input) bytes() (n int) {
	for _, r := range in.raw {
		n += len(r.Image.Pix)
	}
	return n
}

// minByteCapacity is an image of 295 x 295 pixels.
const minByteCapacity = 1 << 18

// byteCapacity is the size of decoded images that a plan is compiled for, if it has to take so many bytes. Powers of two keep the number of
// plans small.
func byteCapacity(bytes int) int {
	if bytes == 0 {
		return 0
	}
	return max(minByteCapacity, 1<<bits.Len(uint(bytes-1)))
}

// preprocessesOnDevice says whether the device makes the input of the network from decoded images. For the CPU the host does, on goroutines
// beside the network: nothing has to be copied then.
func preprocessesOnDevice(dev engine.Device) bool {
	return dev.Capabilities().PreprocessesImages
}

// prepare makes the input of images that are padded to the same size, and their frames.
func (d *deviceModel) prepare(queries []Query, size batchSize) (in input, frames []frame, err error) {
	images := make([]coco.RawImage, len(queries))
	for i, q := range queries {
		original := geom.Size{W: q.Image.W, H: q.Image.H}
		s := q.Settings.resized(original)
		frames = append(frames, frame{original, s, q.Settings})
		images[i] = coco.RawImage{Image: q.Image, Transform: raster.Transform{W: s.W, H: s.H}}
	}
	if preprocessesOnDevice(d.dev) {
		return input{raw: images}, frames, nil
	}
	c := d.model.Config.Input
	normalization := imaging.Normalization{Mean: c.Mean, Std: c.Std}
	in.pixels = make([]float32, size.N*size.H*size.W*3)
	for i, p := range images {
		if err := normalization.FillResized(part(in.pixels, i, size.N), size.W*3, p.Image, p.Transform); err != nil {
			return in, nil, err
		}
	}
	return in, frames, nil
}

// addImages adds the images of a batch: an input, or the output of the preprocessing of decoded images of so many bytes.
func (p *proposing) addImages(g *nn.Graph, m *Model, size batchSize, bytes int) {
	if bytes == 0 {
		p.images = g.Features("images", size.N, size.H, size.W, 3)
		return
	}
	c := m.Config.Input
	p.decoded, p.transforms = g.Bytes("decoded", bytes), g.Labels("transforms", size.N, nn.TransformRow)
	p.images = nn.Apply(nn.Preprocess{Mean: c.Mean, Std: c.Std, Height: size.H, Width: size.W}, p.decoded, p.transforms)
}

// made lists the images if the device preprocesses them. Nobody reads them then.
func (p *proposing) made() []*nn.Node {
	if p.decoded == nil {
		return nil
	}
	return []*nn.Node{p.images}
}

// write sets the images of a batch.
func (p *proposing) write(plan *engine.Plan, in input) error {
	if p.decoded == nil {
		return plan.Write(p.images, in.pixels)
	}
	if len(in.raw) != p.images.Shape()[0] {
		return fmt.Errorf("detector: %d images in a batch of %d", len(in.raw), p.images.Shape()[0])
	}
	var parts []any
	var transforms []int32
	at := 0
	for _, q := range in.raw {
		parts = append(parts, q.Image.Pix)
		transforms = append(transforms, nn.ImageTransform{At: at, W: q.Image.W, H: q.Image.H, Transform: q.Transform}.Row()...)
		at += len(q.Image.Pix)
	}
	if err := plan.Upload(p.decoded, parts...); err != nil {
		return err
	}
	return plan.Write(p.transforms, transforms)
}
