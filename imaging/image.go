package imaging

import (
	"errors"
	"fmt"

	"scalenet/raster"
)

// Image is a colour image in memory: H rows of W pixels of three bytes in the order blue, green, red, without padding.
type Image struct {
	W, H int
	Pix  []uint8 // len is W*H*3; pixel (x, y) starts at (y*W+x)*3
}

// New returns a black image. It panics if a side is below 1.
func New(w, h int) *Image {
	if w < 1 || h < 1 {
		panic(fmt.Sprintf("imaging: New(%d, %d): sides must be at least 1", w, h))
	}
	return &Image{W: w, H: h, Pix: make([]uint8, w*h*3)}
}

// Check returns an error if the image is nil, a side is below 1 or Pix does not have the bytes of all pixels.
func (m *Image) Check() error {
	if m == nil {
		return errors.New("the image is nil")
	}
	return raster.Image(*m).Check()
}

// Clone returns a deep copy.
func (m *Image) Clone() *Image {
	c := *m
	c.Pix = append([]uint8(nil), m.Pix...)
	return &c
}

// FlipHorizontal returns the image mirrored left to right.
func (m *Image) FlipHorizontal() *Image { return m.oriented(2) }

// FlipVertical returns the image mirrored top to bottom.
func (m *Image) FlipVertical() *Image { return m.oriented(4) }

// oriented returns the image after applying the EXIF orientation o, 1 to 8. Orientation 1 returns the image itself.
func (m *Image) oriented(o int) *Image {
	if o <= 1 || o > 8 {
		return m
	}
	swapped := o >= 5                             // rows become columns
	flipX := o == 2 || o == 3 || o == 6 || o == 7 // of the result
	flipY := o == 3 || o == 4 || o == 7 || o == 8

	out := New(m.W, m.H)
	if swapped {
		out.W, out.H = m.H, m.W
	}
	// Each row of the source is written from (x, y) of the result on, in steps of one pixel or one row.
	step, reversed := 3, flipX
	if swapped {
		step, reversed = out.W*3, flipY
	}
	for row := range m.H {
		x, y := 0, row
		if swapped {
			x, y = row, 0
		}
		if flipX {
			x = out.W - 1 - x
		}
		if flipY {
			y = out.H - 1 - y
		}
		to, by := (y*out.W+x)*3, step
		if reversed {
			by = -step
		}
		for from := m.Pix[row*m.W*3 : (row+1)*m.W*3]; len(from) >= 3; from = from[3:] {
			p := out.Pix[to : to+3 : to+3]
			p[0], p[1], p[2] = from[0], from[1], from[2]
			to += by
		}
	}
	return out
}
