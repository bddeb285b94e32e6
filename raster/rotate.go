package raster

import (
	"image"
	"math"
)

// Rotate returns a part of the image rotated counterclockwise about its centre, by an angle in degrees, at its own size: torchvision's
// rotate(interpolation=BILINEAR) of bytes, to within one grey level. Where the image does not reach, it has the colour fill, in the order blue, green,
// red. At the border, pixels are interpolated with fill. (torchvision mixes fill in twice there, so that its border is a little closer to fill.) The part
// is in pixels of the image. Only its pixels are computed.
func Rotate(p Image, degrees float64, fill [3]uint8, part image.Rectangle) (Image, error) {
	if err := checkPart(p.W, p.H, part); err != nil {
		return Image{}, err
	}
	const unit = 1 << 32 // of positions in fixed point
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	centreX, centreY := float64(p.W)/2, float64(p.H)/2
	stepX, stepY := int64(math.Round(cos*unit)), int64(math.Round(sin*unit))
	background := lanes(uint64(fill[0]) | uint64(fill[1])<<8 | uint64(fill[2])<<16)
	out := blank(part.Dx(), part.Dy())
	for row := range out.H {
		dx, dy := float64(part.Min.X)+0.5-centreX, float64(part.Min.Y+row)+0.5-centreY
		x := int64(math.Round((cos*dx - sin*dy + centreX - 0.5) * unit))
		y := int64(math.Round((sin*dx + cos*dy + centreY - 0.5) * unit))
		for dst := out.row(row); len(dst) >= 3; dst = dst[3:] {
			atX, atY := int(x>>32), int(y>>32)
			weightX, weightY := uint64(x>>(32-weightBits))&(one-1), uint64(y>>(32-weightBits))&(one-1)
			if uint(atX) < uint(p.W-1) && uint(atY) < uint(p.H-1) {
				i := 3 * (atY*p.W + atX)
				put(dst[:3:3], mix(pair(p.Pix, i), pair(p.Pix, i+3*p.W), weightX, weightY))
			} else {
				put(dst[:3:3], p.border(atX, atY, weightX, weightY, background))
			}
			x, y = x+stepX, y+stepY
		}
	}
	return out, nil
}

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
