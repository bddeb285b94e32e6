package raster

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"image"
	"math"
)

// Bilinear interpolation of bytes. The three samples of a pixel share a uint64, one in each lane of 21 bits: the four weights of an interpolation add up
// to 2^12, so that a sum needs 20 bits.
const (
	weightBits = 12
	laneBits   = 21
	one        = 1 << weightBits
	halves     = one/2 | one/2<<laneBits | one/2<<(2*laneBits) // so that the shift rounds
)

// lanes spreads the three low bytes of v over the lanes.
func lanes(v uint64) uint64 {
	return v&0xff | v&0xff00<<(laneBits-8) | v&0xff0000<<(2*laneBits-16)
}

// pair returns the bytes of the pixel at index i of pix and of the one after it. Bytes after the end are 0.
func pair(pix []uint8, i int) uint64 {
	if i+8 <= len(pix) {
		return binary.LittleEndian.Uint64(pix[i:])
	}
	var bytes [8]uint8
	copy(bytes[:], pix[i:])
	return binary.LittleEndian.Uint64(bytes[:])
}

// mix interpolates between two pairs of pixels: x and y, from 0 to one, are the weights of the right and of the lower pixels.
func mix(upper, lower, x, y uint64) uint64 {
	both := (x*y + one/2) >> weightBits
	return lanes(upper)*(one-x-y+both) + lanes(upper>>24)*(x-both) + lanes(lower)*(y-both) + lanes(lower>>24)*both
}

// put rounds a sum and writes its pixel.
func put(dst []uint8, sum uint64) {
	sum += halves
	dst[0], dst[1], dst[2] = uint8(sum>>weightBits), uint8(sum>>(weightBits+laneBits)), uint8(sum>>(weightBits+2*laneBits))
}

// tap is the position of a sample between two neighbours: index of the first and weight of the second.
type tap struct {
	at     int
	weight uint64
}

// taps returns the samples from first to before end of a line of size samples that is resized to n, as [lerpAt] places them.
func taps(size, n, first, end int) []tap {
	line := make([]tap, 0, end-first)
	for i := first; i < end; i++ {
		l := lerpAt(i, size, n)
		line = append(line, tap{l.lo, uint64(math.Round(float64(l.weight) * one))})
		if l.hi == l.lo {
			line[i-first].weight = 0 // there is no neighbour
		}
	}
	return line
}

// ResizeBilinear returns a part of the image resized to w x h pixels: PyTorch's interpolate(mode="bilinear", align_corners=False) without
// antialiasing, rounded to bytes, to within one grey level. The part is in pixels of the resized image. Only its pixels are computed.
func ResizeBilinear(p Image, w, h int, part image.Rectangle) (Image, error) {
	if err := cmp.Or(p.Check(), checkPart(w, h, part)); err != nil {
		return Image{}, err
	}
	if w == p.W && h == p.H {
		return p.crop(part), nil
	}
	out := blank(part.Dx(), part.Dy())
	columns, rows := taps(p.W, w, part.Min.X, part.Max.X), taps(p.H, h, part.Min.Y, part.Max.Y)
	for y, v := range rows {
		upper := p.row(v.at)
		lower := upper
		if v.weight > 0 {
			lower = p.row(v.at + 1)
		}
		dst := out.row(y)
		for _, c := range columns {
			put(dst[:3:3], mix(pair(upper, 3*c.at), pair(lower, 3*c.at), c.weight, v.weight))
			dst = dst[3:]
		}
	}
	return out, nil
}

// blank returns a black image.
func blank(w, h int) Image { return Image{W: w, H: h, Pix: make([]uint8, 3*w*h)} }

// crop returns a copy of a part of the image, or p itself if the part is all of it.
func (p Image) crop(part image.Rectangle) Image {
	if part == image.Rect(0, 0, p.W, p.H) {
		return p
	}
	out := blank(part.Dx(), part.Dy())
	for y := range out.H {
		copy(out.row(y), p.row(part.Min.Y + y)[3*part.Min.X:])
	}
	return out
}

func checkPart(w, h int, part image.Rectangle) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("resize to %dx%d: sides must be at least 1", w, h)
	}
	if part.Empty() || !part.In(image.Rect(0, 0, w, h)) {
		return fmt.Errorf("part %v of %dx%d pixels: must be within them and not empty", part, w, h)
	}
	return nil
}
