package coco

import (
	"fmt"
	"slices"
	"time"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// Batch is several images as one network input. It belongs to the receiver.
type Batch struct {
	Epoch, Step int        // where it stands in the data
	Pixels      []float32  // len(Samples) x H x W x 3, normalised RGB, rows and columns behind each image are 0; nil if LoaderConfig.Raw
	Raw         []RawImage // if LoaderConfig.Raw
	H, W        int        // padded, the same for the whole batch
	Samples     []Sample

	Loading, Filling time.Duration // spent on reading and decoding, and on resizing and normalising, on a goroutine ahead of Next
}

// RawImage is a decoded image and the transform that the device applies to it. Several may share one image, which does not change.
type RawImage struct {
	Image *imaging.Image
	raster.Transform
}

// Sample is one image of a batch and what is on it. Boxes, Classes and Crowd have the same length; boxes of no area are left
// out.
type Sample struct {
	Index          int // into Dataset.Images
	ID             int64
	FileName       string
	Original       geom.Size  // of the image
	Resized        geom.Size  // within the batch, before padding
	ScaleX, ScaleY float32    // resized by original
	Boxes          []geom.Box // in resized pixels, flipped as the image is
	Classes        []int      // 1..K
	Crowd          []bool
}

// FileNames lists the images of the batch.
func (b *Batch) FileNames() []string {
	names := make([]string, len(b.Samples))
	for i := range b.Samples {
		names[i] = b.Samples[i].FileName
	}
	return names
}

// build makes batch step of an epoch.
func (l *Loader) build(epoch, step int, plan *batchPlan) (*Batch, error) {
	b := &Batch{Epoch: epoch, Step: step, H: plan.size.H, W: plan.size.W, Samples: make([]Sample, len(plan.images))}
	pitch := b.H * b.W * 3
	if !l.cfg.Raw {
		b.Pixels = make([]float32, len(plan.images)*pitch)
	}
	for i, index := range plan.images {
		change := l.cfg.draw(epoch, step*l.cfg.Batch+i)
		start := time.Now()
		image, err := l.images.load(index)
		loaded := time.Now()
		if err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %w", l.data.Path, index, err)
		}
		b.Samples[i] = l.sample(index, plan.shorter, change)
		raw := transformed(image, b.Samples[i].Resized, change)
		if l.cfg.Raw {
			b.Raw = append(b.Raw, raw)
		} else if err := l.cfg.Normalization.FillResized(b.Pixels[i*pitch:(i+1)*pitch], b.W*3, raw.Image, raw.Transform); err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %s: %w", l.data.Path, index, b.Samples[i].FileName, err)
		}
		b.Loading += loaded.Sub(start)
		b.Filling += time.Since(loaded)
	}
	return b, nil
}

// transformed is an image with the transform of a sample. Training and detection resize alike: in float32, as torchvision does.
func transformed(image *imaging.Image, size geom.Size, change augmentation) RawImage {
	if change.brightness != 1 {
		image = image.Brightness(change.brightness)
	}
	return RawImage{image, raster.Transform{W: size.W, H: size.H, FlipX: change.flipX, FlipY: change.flipY}}
}

// sample describes image index resized to the scale, without its pixels.
func (l *Loader) sample(index, shorter int, change augmentation) Sample {
	img := &l.data.Images[index]
	original := l.sizes[index]
	resized := l.cfg.fit(original, shorter)
	s := Sample{Index: index, ID: img.ID, FileName: img.FileName, Original: original, Resized: resized,
		ScaleX: float32(resized.W) / float32(original.W), ScaleY: float32(resized.H) / float32(original.H)}
	for _, at := range l.data.Objects(index) {
		a := &l.data.Annotations[at]
		if a.Empty() {
			continue
		}
		box := geom.Box{X1: float32(a.Box[0]), Y1: float32(a.Box[1]), X2: float32(a.Box[0] + a.Box[2]), Y2: float32(a.Box[1] + a.Box[3])}
		s.Boxes = append(s.Boxes, change.box(box.Scale(s.ScaleX, s.ScaleY), resized))
		s.Classes = append(s.Classes, a.Class)
		s.Crowd = append(s.Crowd, a.Ignored())
	}
	return s
}

// box flips a box within an image of the given size.
func (c augmentation) box(b geom.Box, size geom.Size) geom.Box {
	if c.flipX {
		b.X1, b.X2 = float32(size.W)-b.X2, float32(size.W)-b.X1
	}
	if c.flipY {
		b.Y1, b.Y2 = float32(size.H)-b.Y2, float32(size.H)-b.Y1
	}
	return b
}

// hasObjects tells whether image i has an object to train on: a box with an area that is not ignored.
func (d *Dataset) hasObjects(i int) bool {
	return slices.ContainsFunc(d.Objects(i), func(at int32) bool {
		return !d.Annotations[at].Empty() && !d.Annotations[at].Ignored()
	})
}
