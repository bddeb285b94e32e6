package coco

import (
	"fmt"
	"slices"
	"time"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// Batch is a number of pictures as one network input. It belongs to the receiver.
type Batch struct {
	Epoch, Step int       // where it stands in the data
	Pixels      []float32 // len(Samples) x H x W x 3, normalised RGB, rows and columns behind each picture are 0; nil if Raw
	Pictures    []Placed  // if Raw
	H, W        int       // padded, the same for the whole batch
	Samples     []Sample

	Loading, Filling time.Duration // spent on reading and decoding, and on resizing and normalising, on a goroutine ahead of Next
}

// Placed is a picture and how it lies in its image. Others may have the same picture, which does not change.
type Placed struct {
	Image *imaging.Image
	raster.Placing
}

// Sample is one picture of a batch and what is on it. Boxes, Classes and Crowd have the same length; boxes of no area are left
// out.
type Sample struct {
	Index          int // into Dataset.Images
	ID             int64
	FileName       string
	Original       geom.Size  // of the picture
	Resized        geom.Size  // within the batch, before padding
	ScaleX, ScaleY float32    // resized by original
	Boxes          []geom.Box // in resized pixels, flipped as the picture is
	Classes        []int      // 1..K
	Crowd          []bool
}

// FileNames lists the pictures of the batch.
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
		picture, err := l.pictures.load(index)
		loaded := time.Now()
		if err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %w", l.data.Path, index, err)
		}
		b.Samples[i] = l.sample(index, plan.shorter, change)
		placed := place(picture, b.Samples[i].Resized, change)
		if l.cfg.Raw {
			b.Pictures = append(b.Pictures, placed)
		} else if err := l.cfg.Normalization.FillResized(b.Pixels[i*pitch:(i+1)*pitch], b.W*3, placed.Image, placed.Placing); err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %s: %w", l.data.Path, index, b.Samples[i].FileName, err)
		}
		b.Loading += loaded.Sub(start)
		b.Filling += time.Since(loaded)
	}
	return b, nil
}

// place says how a picture lies in its image. Training and detection resize alike: in float32, as torchvision does.
func place(picture *imaging.Image, size geom.Size, change augmentation) Placed {
	if change.brightness != 1 {
		picture = picture.Brightness(change.brightness)
	}
	return Placed{picture, raster.Placing{W: size.W, H: size.H, FlipX: change.flipX, FlipY: change.flipY}}
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

// box flips a box within a picture of the given size.
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
