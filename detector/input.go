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

// input is a batch on its way into the network: the pictures as they are, where the device makes images of them, else the images.
type input struct {
	pictures []coco.Placed
	pixels   []float32
}

// bytes is the length of the pictures, 0 of images.
func (in input) bytes() (n int) {
	for _, p := range in.pictures {
		n += len(p.Image.Pix)
	}
	return n
}

// leastCapacity is a picture of 295 x 295 pixels.
const leastCapacity = 1 << 18

// capacity is for how many bytes of pictures a plan is compiled that takes so many: doubling keeps the number of plans small.
func capacity(bytes int) int {
	if bytes == 0 {
		return 0
	}
	return max(leastCapacity, 1<<bits.Len(uint(bytes-1)))
}

// preprocessesOnDevice says whether the device makes the input of the network from decoded images. For the CPU the host does, on goroutines
// beside the network: nothing has to be copied then.
func preprocessesOnDevice(dev engine.Device) bool {
	return dev.Capabilities().PreprocessesImages
}

// prepare makes the input of pictures that are padded to the same size, and says where they lie.
func (d *deviceModel) prepare(queries []Query, size batchSize) (in input, frames []frame, err error) {
	pictures := make([]coco.Placed, len(queries))
	for i, q := range queries {
		original := geom.Size{W: q.Image.W, H: q.Image.H}
		s := q.Settings.resized(original)
		frames = append(frames, frame{original, s, q.Settings})
		pictures[i] = coco.Placed{Image: q.Image, Placing: raster.Placing{W: s.W, H: s.H}}
	}
	if preprocessesOnDevice(d.dev) {
		return input{pictures: pictures}, frames, nil
	}
	c := d.model.Config.Input
	normalization := imaging.Normalization{Mean: c.Mean, Std: c.Std}
	in.pixels = make([]float32, size.N*size.H*size.W*3)
	for i, p := range pictures {
		if err := normalization.FillResized(part(in.pixels, i, size.N), size.W*3, p.Image, p.Placing); err != nil {
			return in, nil, err
		}
	}
	return in, frames, nil
}

// addImages adds the images of a batch: an input, or made of so many bytes of pictures.
func (p *proposing) addImages(g *nn.Graph, m *Model, size batchSize, bytes int) {
	if bytes == 0 {
		p.images = g.Features("images", size.N, size.H, size.W, 3)
		return
	}
	c := m.Config.Input
	p.pictures, p.placements = g.Bytes("pictures", bytes), g.Labels("placements", size.N, nn.PlacementRow)
	p.images = nn.Apply(nn.Pictures{Mean: c.Mean, Std: c.Std, Height: size.H, Width: size.W}, p.pictures, p.placements)
}

// made is the images where the device makes them, which nobody reads then.
func (p *proposing) made() []*nn.Node {
	if p.pictures == nil {
		return nil
	}
	return []*nn.Node{p.images}
}

// write sets the images of a batch.
func (p *proposing) write(plan *engine.Plan, in input) error {
	if p.pictures == nil {
		return plan.Write(p.images, in.pixels)
	}
	if len(in.pictures) != p.images.Shape()[0] {
		return fmt.Errorf("detector: %d pictures in a batch of %d", len(in.pictures), p.images.Shape()[0])
	}
	var parts []any
	var placements []int32
	at := 0
	for _, q := range in.pictures {
		parts = append(parts, q.Image.Pix)
		placements = append(placements, nn.Placement{At: at, W: q.Image.W, H: q.Image.H, Placing: q.Placing}.Row()...)
		at += len(q.Image.Pix)
	}
	if err := plan.Upload(p.pictures, parts...); err != nil {
		return err
	}
	return plan.Write(p.placements, placements)
}
