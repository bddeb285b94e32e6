package coco

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// Batch is a batch of images with their boxes. The receiver may modify it.
type Batch struct {
	Epoch, Step int        // position in training: Step counts batches of the epoch
	Pixels      []float32  // len(Samples) x H x W x 3, normalised RGB, zero-padded at the right and at the bottom; nil if LoaderConfig.Raw
	Raw         []RawImage // if LoaderConfig.Raw
	H, W        int        // padded size of all images of the batch
	Samples     []Sample

	Loading, Filling time.Duration // time for reading and decoding, and for resizing and normalising
}

// RawImage is a decoded image and the transform that the device applies to it. The image may be shared and must not be modified.
type RawImage struct {
	Image *imaging.Image
	raster.Transform
}

// Sample is one image of a batch and its ground-truth objects. Boxes, Classes and Crowd have the same length. Zero-area boxes are
// left out. In a mosaic, Index to FileName and the scale are those of the first of its four pictures.
type Sample struct {
	Index          int // into Dataset.Images
	ID             int64
	FileName       string
	Original       geom.Size  // of the image
	Resized        geom.Size  // within the batch, before padding
	ScaleX, ScaleY float32    // resized size / original size, before the picture is cut
	Boxes          []geom.Box // in pixels of the resized image, changed as the image
	Classes        []int      // 1..K
	Crowd          []bool     // not to be found, and not background
	Others         []string   // file names of the other three pictures of a mosaic
}

// FileNames returns the file name of each image of the batch: "a.jpg, b.jpg, c.jpg, d.jpg" for a mosaic.
func (b *Batch) FileNames() []string {
	names := make([]string, len(b.Samples))
	for i := range b.Samples {
		names[i] = strings.Join(append([]string{b.Samples[i].FileName}, b.Samples[i].Others...), ", ")
	}
	return names
}

// build returns batch step of an epoch.
func (l *Loader) build(epoch, step int, plan *batchPlan) (*Batch, error) {
	b := &Batch{Epoch: epoch, Step: step, H: plan.size.H, W: plan.size.W, Samples: make([]Sample, len(plan.images))}
	pitch := b.H * b.W * 3
	if !l.cfg.Raw {
		b.Pixels = make([]float32, len(plan.images)*pitch)
	}
	began := time.Now()
	for i, index := range plan.images {
		s, raw, err := l.picture(b, step*l.cfg.Batch+i, index, plan)
		if err != nil {
			return nil, err
		}
		b.Samples[i] = s
		if l.cfg.Raw {
			b.Raw = append(b.Raw, raw)
		} else if err := l.fill(b.Pixels[i*pitch:(i+1)*pitch], b.W*3, raw, plan.shorter); err != nil {
			return nil, l.named(index, err)
		}
	}
	b.Filling = time.Since(began) - b.Loading
	return b, nil
}

// fill writes the pixels of an image, resized and normalised. An image that is augmented has its size already.
func (l *Loader) fill(to []float32, stride int, raw RawImage, shorter int) error {
	if l.cfg.Resize == imaging.OpenCVFactor && !l.cfg.augments() {
		return l.cfg.Normalization.FillScaled(to, stride, raw.Image, raw.Transform, l.cfg.Rounding.Scale(raw.Image.W, raw.Image.H, shorter, l.cfg.Longest))
	}
	return l.cfg.Normalization.FillResized(to, stride, raw.Image, raw.Transform)
}

// picture returns the sample and the pixels at a place in the epoch.
func (l *Loader) picture(b *Batch, place, index int, plan *batchPlan) (s Sample, raw RawImage, err error) {
	change := l.cfg.draw(b.Epoch, place)
	switch {
	case change.mosaic:
		return l.mosaic(b, place, index, plan, &change)
	case l.cfg.augments():
		return l.augmented(b, index, plan.shorter, &change)
	}
	image, err := l.load(b, index)
	if err != nil {
		return s, raw, err
	}
	s = l.sample(index, plan.shorter, change)
	raw, err = transformed(image, l.cfg.Resize, s.Resized, change)
	return s, raw, l.named(index, err)
}

// load reads an image of the batch.
func (l *Loader) load(b *Batch, index int) (*imaging.Image, error) {
	began := time.Now()
	image, err := l.images.load(index)
	b.Loading += time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("%s: images[%d]: %w", l.data.Path, index, err) // the error names the file
	}
	return image, nil
}

// named adds the name of an image to an error.
func (l *Loader) named(index int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: images[%d]: %s: %w", l.data.Path, index, l.data.Images[index].FileName, err)
}

// transformed returns an image, resized if that is done on bytes, with the transform of a sample.
func transformed(image *imaging.Image, kind imaging.ResizeKind, size geom.Size, change augmentation) (RawImage, error) {
	if change.colours.Brightness != 1 {
		image = image.Brightness(change.colours.Brightness)
	}
	resized, err := imaging.Resize(kind, image, size.W, size.H)
	return RawImage{resized, raster.Transform{W: size.W, H: size.H, FlipX: change.flipX, FlipY: change.flipY}}, err
}

// newSample returns the sample of an image that was resized, without objects.
func (l *Loader) newSample(index int, resized geom.Size) Sample {
	img, original := &l.data.Images[index], l.sizes[index]
	return Sample{Index: index, ID: img.ID, FileName: img.FileName, Original: original, Resized: resized,
		ScaleX: float32(resized.W) / float32(original.W), ScaleY: float32(resized.H) / float32(original.H)}
}

// sample returns the sample of image index, resized to the scale of the plan.
func (l *Loader) sample(index, shorter int, change augmentation) Sample {
	resized := l.cfg.fit(l.sizes[index], shorter)
	s := l.newSample(index, resized)
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

// hasObjects reports whether image i has an object to train on or to be found: not ignored, with a box of nonzero area.
func (d *Dataset) hasObjects(i int) bool {
	return slices.ContainsFunc(d.Objects(i), func(at int32) bool {
		return !d.Annotations[at].Empty() && !d.Annotations[at].Ignored()
	})
}
