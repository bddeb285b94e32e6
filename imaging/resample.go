package imaging

import (
	"fmt"
	"math"
)

// Crop returns a copy of the w x h pixels from (x, y) on. It panics if they are not all within the image.
func (m *Image) Crop(x, y, w, h int) *Image {
	if x < 0 || y < 0 || w < 1 || h < 1 || x+w > m.W || y+h > m.H {
		panic(fmt.Sprintf("imaging: Crop(%d, %d, %d, %d) of %dx%d pixels", x, y, w, h, m.W, m.H))
	}
	out := New(w, h)
	for row := range h {
		at := ((y+row)*m.W + x) * 3
		copy(out.Pix[row*w*3:(row+1)*w*3], m.Pix[at:at+w*3])
	}
	return out
}

// Resample returns the image at w x h pixels as Pillow's resize with BILINEAR does, byte for byte: antialiased when it
// becomes smaller, first along rows, then along columns. Classifiers are trained and tested on such images, detectors on
// those of Resize. It panics if a side is below 1.
func (m *Image) Resample(w, h int) *Image {
	out := m
	if w != m.W {
		wide := New(w, m.H)
		filter := triangles(m.W, w)
		for y := range m.H {
			filter.row(wide.Pix[y*w*3:(y+1)*w*3], m.Pix[y*m.W*3:(y+1)*m.W*3])
		}
		out = wide
	}
	if h != m.H {
		tall := New(w, h)
		triangles(m.H, h).columns(tall.Pix, out.Pix, w*3)
		out = tall
	}
	if out == m {
		return m.Clone()
	}
	return out
}

// resampleBits is the precision of Pillow's fixed-point weights.
const resampleBits = 32 - 8 - 2

// window is where a sample comes from: weights of the source samples from first on.
type window struct {
	first   int
	weights []int32
}

type windows []window

// triangles are the windows of n samples made of size samples: a triangle of one output sample's half-width, or of one
// input sample's where that is wider.
func triangles(size, n int) windows {
	scale := float64(size) / float64(n)
	support := max(scale, 1)
	all := make(windows, n)
	for i := range all {
		centre := (float64(i) + 0.5) * scale
		first := max(0, int(centre-support+0.5))
		last := min(size, int(centre+support+0.5))
		weights, sum := make([]float64, last-first), 0.0
		for j := range weights {
			weights[j] = max(0, 1-math.Abs((float64(first+j)-centre+0.5)/support))
			sum += weights[j]
		}
		all[i] = window{first, make([]int32, len(weights))}
		for j, v := range weights {
			all[i].weights[j] = int32(v/sum*(1<<resampleBits) + 0.5)
		}
	}
	return all
}

// row resamples a row of pixels.
func (f windows) row(dst, src []uint8) {
	for i, w := range f {
		b, g, r := int32(1)<<(resampleBits-1), int32(1)<<(resampleBits-1), int32(1)<<(resampleBits-1)
		pixels := src[w.first*3:]
		for j, k := range w.weights {
			b += int32(pixels[3*j]) * k
			g += int32(pixels[3*j+1]) * k
			r += int32(pixels[3*j+2]) * k
		}
		dst[3*i], dst[3*i+1], dst[3*i+2] = clipped(b), clipped(g), clipped(r)
	}
}

// columns resamples rows of stride bytes into rows of as many.
func (f windows) columns(dst, src []uint8, stride int) {
	sums := make([]int32, stride)
	for i, w := range f {
		for x := range sums {
			sums[x] = 1 << (resampleBits - 1)
		}
		for j, k := range w.weights {
			for x, v := range src[(w.first+j)*stride : (w.first+j+1)*stride] {
				sums[x] += int32(v) * k
			}
		}
		for x, s := range sums {
			dst[i*stride+x] = clipped(s)
		}
	}
}

// clipped is a fixed-point sum as a byte.
func clipped(sum int32) uint8 { return uint8(min(max(sum>>resampleBits, 0), 255)) }
