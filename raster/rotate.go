package raster

import (
	"cmp"
	"image"
	"math"
)

// Rotation resizes an image to W x H pixels and rotates it about its centre, in one step.
type Rotation struct {
	W, H    int
	Degrees float64 // counterclockwise
	Part    image.Rectangle
	Fill    [3]uint8 // colour where the image does not reach: blue, green, red
}

// Of returns the part of the image that is resized and rotated by bilinear interpolation of bytes, without antialiasing: torchvision's affine, or rotate
// if the size stays, with InterpolationMode.BILINEAR, to within one grey level. Pixels at the border are interpolated with the fill colour. (torchvision
// mixes it in twice there.) Only the pixels of the part are computed.
func (r Rotation) Of(p Image) (Image, error) {
	if err := cmp.Or(p.Check(), checkPart(r.W, r.H, r.Part)); err != nil {
		return Image{}, err
	}
	background := lanes(uint64(r.Fill[0]) | uint64(r.Fill[1])<<8 | uint64(r.Fill[2])<<16)
	out, walk := blank(r.Part.Dx(), r.Part.Dy()), r.walk(p.W, p.H)
	for row := range out.H {
		x, y := walk.row(row)
		for dst := out.row(row); len(dst) >= 3; dst = dst[3:] {
			atX, atY := int(x>>32), int(y>>32)
			weightX, weightY := uint64(x>>(32-weightBits))&(one-1), uint64(y>>(32-weightBits))&(one-1)
			if uint(atX) < uint(p.W-1) && uint(atY) < uint(p.H-1) {
				i := 3 * (atY*p.W + atX)
				put(dst[:3:3], mix(pair(p.Pix, i), pair(p.Pix, i+3*p.W), weightX, weightY))
			} else {
				put(dst[:3:3], p.border(atX, atY, weightX, weightY, background))
			}
			x, y = x+walk.stepX, y+walk.stepY
		}
	}
	return out, nil
}

// Refill gives the pixels of a part that have nothing of the image of w x h pixels the fill colour again, after a change of colours.
func (r Rotation) Refill(part Image, w, h int) {
	walk := r.walk(w, h)
	for row := range part.H {
		x, y := walk.row(row)
		for dst := part.row(row); len(dst) >= 3; dst = dst[3:] {
			if atX, atY := int(x>>32), int(y>>32); uint(atX+1) > uint(w) || uint(atY+1) > uint(h) {
				dst[0], dst[1], dst[2] = r.Fill[0], r.Fill[1], r.Fill[2]
			}
			x, y = x+walk.stepX, y+walk.stepY
		}
	}
}

// walk goes over the positions in an image that the pixels of a rotated part have, in 32 bits of fraction. All parts have the same positions.
type walk struct {
	x, y         int64 // of the first pixel of the part
	stepX, stepY int64 // from a pixel to the next one
	downX, downY int64 // from a row to the next one
}

func (r Rotation) walk(w, h int) walk {
	sin, cos := math.Sincos(r.Degrees * math.Pi / 180)
	scaleX, scaleY := float64(w)/float64(r.W), float64(h)/float64(r.H)
	fixed := func(v float64) int64 { return int64(math.Round(v * (1 << 32))) }
	dx, dy := 0.5-float64(r.W)/2, 0.5-float64(r.H)/2 // from the centre to the first pixel of all
	l := walk{stepX: fixed(cos * scaleX), stepY: fixed(sin * scaleY), downX: fixed(-sin * scaleX), downY: fixed(cos * scaleY)}
	column, row := int64(r.Part.Min.X), int64(r.Part.Min.Y)
	l.x = fixed((cos*dx-sin*dy)*scaleX+float64(w)/2-0.5) + column*l.stepX + row*l.downX
	l.y = fixed((sin*dx+cos*dy)*scaleY+float64(h)/2-0.5) + column*l.stepY + row*l.downY
	return l
}

// row returns the position of the first pixel of a row of the part.
func (l *walk) row(i int) (x, y int64) { return l.x + int64(i)*l.downX, l.y + int64(i)*l.downY }

// border is mix where some of the four pixels are outside of the image. Those have the background's lanes.
func (p Image) border(x, y int, weightX, weightY, background uint64) uint64 {
	at := func(x, y int) uint64 {
		if uint(x) >= uint(p.W) || uint(y) >= uint(p.H) {
			return background
		}
		return lanes(pair(p.Pix, 3*(y*p.W+x)))
	}
	both := (weightX*weightY + one/2) >> weightBits
	return at(x, y)*(one-weightX-weightY+both) + at(x+1, y)*(weightX-both) + at(x, y+1)*(weightY-both) + at(x+1, y+1)*both
}
