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
	s = l.newSample(index, p.resized)
	l.cut(&s, index, &p, geom.Size{W: b.W, H: b.H}, change.random)
	s.Resized = geom.Size{W: p.part.Dx(), H: p.part.Dy()}
	part, err := l.part(b, index, &p, change)
	if err != nil {
		return s, raw, err
	}
	return s, RawImage{part, raster.Transform{W: part.W, H: part.H, FlipX: p.flipX, FlipY: p.flipY}}, nil
}

// cut draws the part of a picture that is kept and adds the objects in it to a sample. It draws again if the picture has objects and the part has none.
// After the last try the part is background.
func (l *Loader) cut(s *Sample, index int, p *placing, most geom.Size, random *rand.Rand) {
	n := len(s.Boxes)
	for try := 1; ; try++ {
		p.part = crop(p.resized, most, random)
		l.addObjects(s, index, p)
		if try == cropTries || slices.Contains(s.Crowd[n:], false) || !l.data.hasObjects(index) {
			return
		}
		s.Boxes, s.Classes, s.Crowd = s.Boxes[:n], s.Classes[:n], s.Crowd[:n]
	}
}

// crop returns a random part of a resized picture, of at most the given size: detectron2's FixedSizeCrop.
func crop(resized, most geom.Size, random *rand.Rand) image.Rectangle {
	w, h := min(resized.W, most.W), min(resized.H, most.H)
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
