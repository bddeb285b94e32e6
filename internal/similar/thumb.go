package similar

import (
	"math"
	"slices"

	"scalenet/imaging"
)

const (
	side     = 64 // of a thumbnail, in pixels
	hashSide = 32 // of the image that is hashed
	lowSide  = 8  // of the coefficients that are kept
)

// thumb is a grey thumbnail, row by row.
type thumb [side * side]uint8

func newThumb(m *imaging.Image) *thumb {
	small := m.Resample(side, side)
	t := new(thumb)
	for i := range t {
		b, g, r := int(small.Pix[3*i]), int(small.Pix[3*i+1]), int(small.Pix[3*i+2])
		t[i] = uint8((299*r + 587*g + 114*b + 500) / 1000)
	}
	return t
}

// hash returns the pHash of the thumbnail at half its size.
func (t *thumb) hash() uint64 {
	const step = side / hashSide
	var half [hashSide * hashSide]float64
	for y := range side {
		for x := range side {
			half[y/step*hashSide+x/step] += float64(t[y*side+x]) / (step * step)
		}
	}
	return pHash(&half)
}

// pHash returns the perceptual hash of a grey image as the Python package imagehash defines it: the 8 x 8 lowest coefficients of the
// cosine transform, one bit each, 1 where the coefficient is above the median. The first coefficient is the highest bit.
func pHash(pixels *[hashSide * hashSide]float64) (hash uint64) {
	var wave [lowSide][hashSide]float64
	for k := range wave {
		for x := range wave[k] {
			wave[k][x] = math.Cos(math.Pi * float64(k) * (2*float64(x) + 1) / (2 * hashSide))
		}
	}
	var rows [hashSide][lowSide]float64 // transformed along x
	for y := range rows {
		for k := range lowSide {
			for x, c := range wave[k] {
				rows[y][k] += c * pixels[y*hashSide+x]
			}
		}
	}
	var low [lowSide * lowSide]float64
	for v := range lowSide {
		for k := range lowSide {
			for y, c := range wave[v] {
				low[v*lowSide+k] += c * rows[y][k]
			}
		}
	}
	for i, c := range low {
		low[i] = math.Round(c*1e6) / 1e6 // of a slope or a blank image most are 0, but for rounding errors
	}
	sorted := low
	slices.Sort(sorted[:])
	median := (sorted[len(low)/2-1] + sorted[len(low)/2]) / 2
	for i, c := range low {
		if c > median {
			hash |= 1 << (len(low) - 1 - i)
		}
	}
	return hash
}
