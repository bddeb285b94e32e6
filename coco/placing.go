package coco

import (
	"image"
	"math"

	"scalenet/geom"
	"scalenet/imaging"
)

// placing is the way of a picture into a batch: resized, rotated about its centre, cut, mirrored and moved. Its pixels and its boxes follow from it.
type placing struct {
	source       geom.Size       // of the image, as annotated
	resized      geom.Size       // before it is cut
	degrees      float64         // of the rotation, counterclockwise
	part         image.Rectangle // of the resized picture that is kept
	flipX, flipY bool            // of the part
	at           image.Point     // of the part in the batch's image
}

// placing returns the way of an image at the scale of a plan, not yet cut.
func (l *Loader) placing(index, shorter int, change *augmentation) placing {
	fitted := l.cfg.fit(l.sizes[index], shorter)
	p := placing{source: l.sizes[index], resized: geom.Size{W: jittered(fitted.W, change.scale), H: jittered(fitted.H, change.scale)},
		degrees: change.degrees, flipX: change.flipX, flipY: change.flipY}
	p.part = image.Rect(0, 0, p.resized.W, p.resized.H)
	return p
}

// jittered returns a side times the factor of the scale jitter.
func jittered(side int, by float64) int { return max(1, int(math.Round(float64(side)*by))) }

// pixels returns the kept part of an image, not yet mirrored. Where a rotated image does not reach, it has the colour fill. Colours are changed last,
// because the part has the fewest pixels, so the mean of the contrast is that of the part. The result may be m.
func (p *placing) pixels(m *imaging.Image, kind imaging.ResizeKind, colours imaging.Adjustment, fill [3]uint8) (*imaging.Image, error) {
	if p.degrees != 0 {
		return m.Rotated(kind, imaging.Rotation{W: p.resized.W, H: p.resized.H, Degrees: p.degrees, Part: p.part, Fill: fill}, colours)
	}
	part, err := m.ResizePart(kind, p.resized.W, p.resized.H, p.part)
	if err != nil || colours == imaging.Unadjusted() {
		return part, err
	}
	return part.Adjusted(colours), nil
}

// box returns where a box of the image, x, y, width and height in its pixels, comes to lie, and the fraction of it that is in the kept part. A rotated
// box is the smallest upright box around its corners.
func (p *placing) box(b [4]float64) (box geom.Box, visible float64) {
	s := corners{b[0], b[1], b[0] + b[2], b[1] + b[3]}
	x, y := float64(p.resized.W)/float64(p.source.W), float64(p.resized.H)/float64(p.source.H)
	s = corners{s.x1 * x, s.y1 * y, s.x2 * x, s.y2 * y}
	if p.degrees != 0 {
		s = s.rotated(p.degrees, p.resized)
	}
	whole := s.area()
	s = s.within(p.part)
	visible = s.area() / whole
	if w := float64(p.part.Dx()); p.flipX {
		s.x1, s.x2 = w-s.x2, w-s.x1
	}
	if h := float64(p.part.Dy()); p.flipY {
		s.y1, s.y2 = h-s.y2, h-s.y1
	}
	toX, toY := float64(p.at.X), float64(p.at.Y)
	return geom.Box{X1: float32(s.x1 + toX), Y1: float32(s.y1 + toY), X2: float32(s.x2 + toX), Y2: float32(s.y2 + toY)}, visible
}

// corners are the left, top, right and bottom of a box.
type corners struct{ x1, y1, x2, y2 float64 }

// area is 0 if nothing is left of the box.
func (s corners) area() float64 { return max(0, s.x2-s.x1) * max(0, s.y2-s.y1) }

// rotated returns the smallest upright box around the box rotated counterclockwise about the centre of an image.
func (s corners) rotated(degrees float64, size geom.Size) corners {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	centreX, centreY := float64(size.W)/2, float64(size.H)/2
	out := corners{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for _, corner := range [...][2]float64{{s.x1, s.y1}, {s.x2, s.y1}, {s.x1, s.y2}, {s.x2, s.y2}} {
		dx, dy := corner[0]-centreX, corner[1]-centreY
		x, y := centreX+cos*dx+sin*dy, centreY-sin*dx+cos*dy
		out = corners{min(out.x1, x), min(out.y1, y), max(out.x2, x), max(out.y2, y)}
	}
	return out
}

// within clips the box to a part and returns it in the part's pixels.
func (s corners) within(part image.Rectangle) corners {
	x, y, w, h := float64(part.Min.X), float64(part.Min.Y), float64(part.Dx()), float64(part.Dy())
	clip := func(v, most float64) float64 { return min(max(v, 0), most) }
	return corners{clip(s.x1-x, w), clip(s.y1-y, h), clip(s.x2-x, w), clip(s.y2-y, h)}
}
