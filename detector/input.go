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
	"scalenet/roi"
)

// input is the input of a batch: raw, the decoded images, if the device preprocesses them; otherwise pixels (N, H, W, 3), the model input.
type input struct {
	raw    []coco.RawImage
	pixels []float32
}

// bytes returns the total size of the decoded images; 0 if the host preprocesses.
func (in input) bytes() (n int) {
	for _, r := range in.raw {
		n += len(r.Image.Pix)
	}
	return n
}

// minByteCapacity is the size of an RGB image of 295 x 295 pixels.
const minByteCapacity = 1 << 18

// byteCapacity returns the byte capacity that a plan is compiled with for decoded images of so many bytes: the next power of two, because each
// capacity needs a plan of its own.
func byteCapacity(bytes int) int {
	if bytes == 0 {
		return 0
	}
	return max(minByteCapacity, 1<<bits.Len(uint(bytes-1)))
}

// preprocessesOnDevice reports whether the device computes the model input from decoded images. For the CPU, Go code does, on goroutines that
// run concurrently with the network.
func preprocessesOnDevice(dev engine.Device) bool {
	return dev.Capabilities().PreprocessesImages
}

// factor returns the factor by which OpenCVFactor resizes an image; 0 if the model has another kind, for which it is the ratio of the sides.
func (m *Model) factor(original geom.Size, s Settings) float64 {
	if m.Config.Input.Resize != imaging.OpenCVFactor {
		return 0
	}
	return m.Config.Input.Rounding.Scale(original.W, original.H, s.Shorter, s.Longest)
}

// detectionConfig returns the settings of the detections in an image. With a factor, their boxes are in pixels of the decoded image.
func (m *Model) detectionConfig(f frame) roi.DetectionConfig {
	d := f.settings.Detections
	d.Divisor = m.factor(f.original, f.settings)
	return d
}

// preprocessesOn reports whether the device computes the model input. A resize by a factor is the host's, because nn.Preprocess has no factor.
func (m *Model) preprocessesOn(dev engine.Device) bool {
	return preprocessesOnDevice(dev) && m.Config.Input.Resize != imaging.OpenCVFactor
}

// prepare returns the input of a batch of images with the same padded size.
func (d *deviceModel) prepare(queries []Query, frames []frame, size batchSize) (in input, err error) {
	images := make([]coco.RawImage, len(queries))
	for i, q := range queries {
		s := frames[i].resized
		resized, err := imaging.Resize(d.model.Config.Input.Resize, q.Image, s.W, s.H)
		if err != nil {
			return in, err
		}
		images[i] = coco.RawImage{Image: resized, Transform: raster.Transform{W: s.W, H: s.H}}
	}
	if d.model.preprocessesOn(d.device()) {
		return input{raw: images}, nil
	}
	c := d.model.Config.Input
	normalization := imaging.Normalization{Mean: c.Mean, Std: c.Std}
	in.pixels = make([]float32, size.N*size.H*size.W*3)
	for i, p := range images {
		var err error
		if to, factor := part(in.pixels, i, size.N), d.model.factor(frames[i].original, frames[i].settings); factor > 0 {
			err = normalization.FillScaled(to, size.W*3, p.Image, p.Transform, factor)
		} else {
			err = normalization.FillResized(to, size.W*3, p.Image, p.Transform)
		}
		if err != nil {
			return in, err
		}
	}
	return in, nil
}

// frames returns the sizes of queries.
func (d *deviceModel) frames(queries []Query) []frame {
	frames := make([]frame, len(queries))
	for i, q := range queries {
		frames[i] = frame{q.Size(), d.model.resized(q.Size(), q.Settings), q.Settings}
	}
	return frames
}

// addImages adds the model input of a batch: as a graph input if bytes is 0, otherwise computed from decoded images of at most so many bytes.
func (p *proposing) addImages(g *nn.Graph, m *Model, size batchSize, bytes int) {
	if bytes == 0 {
		p.images = g.Features("images", size.N, size.H, size.W, 3)
		return
	}
	c := m.Config.Input
	p.decoded, p.transforms = g.Bytes("decoded", bytes), g.Labels("transforms", size.N, nn.TransformRow)
	p.images = nn.Apply(nn.Preprocess{Mean: c.Mean, Std: c.Std, Height: size.H, Width: size.W}, p.decoded, p.transforms)
}

// preprocessed returns the model input if the device computes it, else nothing.
func (p *proposing) preprocessed() []*nn.Node {
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
