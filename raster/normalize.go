package raster

import (
	"cmp"
	"fmt"
)

// Image is H rows of W pixels of three bytes in the order blue, green, red, without padding, as imaging.Image has them.
type Image struct {
	W, H int
	Pix  []uint8
}

// Check returns an error if a side is below 1 or Pix does not have the bytes of all pixels.
func (p Image) Check() error {
	switch n := len(p.Pix) / 3; {
	case p.W < 1 || p.H < 1:
		return fmt.Errorf("an image of %dx%d pixels: sides must be at least 1", p.W, p.H)
	case len(p.Pix)%3 != 0 || n%p.W != 0 || n/p.W != p.H: // the product of the sides might overflow
		return fmt.Errorf("an image of %dx%d pixels: Pix has %d bytes, want 3 for each pixel", p.W, p.H, len(p.Pix))
	}
	return nil
}

// Normalization converts bytes to a model input: (byte/255 - Mean)/Std per channel.
type Normalization struct {
	Mean, Std [3]float32 // in the order red, green, blue
}

// tables holds the normalised value of every byte for red, green and blue.
type tables [3][256]float32

// tables rounds after every step as PyTorch does, so that its values are equal bit for bit.
func (n Normalization) tables() (t tables) {
	for c := range t {
		for v := range t[c] {
			t[c][v] = (float32(v)/255 - n.Mean[c]) / n.Std[c]
		}
	}
	return t
}

// Fill writes the normalised image to dst as rows of RGB pixels. Row y begins at dst[y*stride]. The rest of each row, and of dst, is not
// changed. It returns an error if dst, stride or p.Pix is too small.
func (n Normalization) Fill(dst []float32, stride int, p Image) error {
	if err := cmp.Or(p.Check(), checkRows(dst, stride, p.W, p.H)); err != nil {
		return err
	}
	t := n.tables()
	for y := range p.H {
		t.row(dst[y*stride:y*stride+p.W*3], p.row(y))
	}
	return nil
}

func (p Image) row(y int) []uint8 { return p.Pix[y*p.W*3 : (y+1)*p.W*3] }

// rowPlainly normalises a row of BGR bytes to RGB.
func (t *tables) rowPlainly(dst []float32, bgr []uint8) {
	for len(bgr) >= 3 && len(dst) >= 3 {
		dst[0], dst[1], dst[2] = t[0][bgr[2]], t[1][bgr[1]], t[2][bgr[0]]
		bgr, dst = bgr[3:], dst[3:]
	}
}

func checkRows(dst []float32, stride, w, h int) error {
	if stride < w*3 {
		return fmt.Errorf("normalise %dx%d pixels: a stride of %d is below the %d values of a row", w, h, stride, w*3)
	}
	if need := (h-1)*stride + w*3; len(dst) < need {
		return fmt.Errorf("normalise %dx%d pixels: %d values for %d", w, h, need, len(dst))
	}
	return nil
}
