package coco

import (
	"image"
	"math/rand/v2"
	"slices"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// Objects that are partly cut off: detectron2 trains on whatever is left of them, torchvision's SanitizeBoundingBoxes drops boxes below a pixel. Here an
// object of which less than leastVisible is left is ignored, as a crowd region is. It need not be found, and its pixels are not background either, which
// they would be if it was dropped. Boxes with a side below leastSide pixels are dropped.
const (
	leastVisible = 0.3
	leastSide    = 1
)

// cropTries is how often a crop is drawn until an object is in it, as torchvision's RandomResizedCrop tries ten times.
const cropTries = 10

// augmented returns an image of the batch with a picture in its upper left corner.
func (l *Loader) augmented(b *Batch, index, shorter int, change *augmentation) (s Sample, raw RawImage, err error) {
	p := l.placing(index, shorter, change)
	for try := 1; ; try++ {
		p.part = crop(p.resized, geom.Size{W: b.W, H: b.H}, change.random)
		s = l.newSample(index, p.resized)
		l.addObjects(&s, index, &p)
		if slices.Contains(s.Crowd, false) || try == cropTries || !l.data.hasObjects(index) {
			break // the last try makes it a picture of background
		}
	}
	s.Resized = geom.Size{W: p.part.Dx(), H: p.part.Dy()}
	part, err := l.part(b, index, &p, change)
	if err != nil {
		return s, raw, err
	}
	return s, RawImage{part, raster.Transform{W: part.W, H: part.H, FlipX: p.flipX, FlipY: p.flipY}}, nil
}

// crop returns a random part of a resized picture, as large as fits into the batch: detectron2's FixedSizeCrop.
func crop(resized, batch geom.Size, random *rand.Rand) image.Rectangle {
	w, h := min(resized.W, batch.W), min(resized.H, batch.H)
	x, y := random.IntN(resized.W-w+1), random.IntN(resized.H-h+1)
	return image.Rect(x, y, x+w, y+h)
}

// part reads an image and returns the kept part of it, not yet mirrored.
func (l *Loader) part(b *Batch, index int, p *placing, change *augmentation) (*imaging.Image, error) {
	m, err := l.load(b, index)
	if err != nil {
		return nil, err
	}
	part, err := p.pixels(m, l.cfg.Resize, change.colours, l.cfg.Normalization.MeanColour())
	return part, l.named(index, err)
}

// addObjects adds the objects of an image that are in the kept part.
func (l *Loader) addObjects(s *Sample, index int, p *placing) {
	for _, at := range l.data.Objects(index) {
		a := &l.data.Annotations[at]
		if a.Empty() {
			continue
		}
		box, visible := p.box(a.Box)
		if box.X2-box.X1 < leastSide || box.Y2-box.Y1 < leastSide {
			continue
		}
		s.Boxes = append(s.Boxes, box)
		s.Classes = append(s.Classes, a.Class)
		s.Crowd = append(s.Crowd, a.Ignored() || visible < leastVisible)
	}
}
