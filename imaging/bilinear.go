package imaging

import "fmt"

// tap is where a value between two samples comes from: (1-weight) of the sample at lo and weight of the one at hi.
type tap struct {
	lo, hi int
	weight float32
}

// taps returns the tap of each of n samples resized from a line of size samples, as PyTorch's upsample_bilinear2d
// (align_corners=False) computes it in float32: centres at (i+0.5)*size/n - 0.5, not before the first sample.
func taps(size, n int) []tap {
	scale := float32(size) / float32(n)
	line := make([]tap, n)
	for i := range line {
		centre := max(0, (float32(i)+0.5)*scale-0.5)
		lo := min(int(centre), size-1)
		line[i] = tap{lo, min(lo+1, size-1), min(1, centre-float32(lo))}
	}
	return line
}

// FillResized is Fill of the picture at w x h pixels, in float32 throughout: normalised, then resized bilinearly, equal to
// torchvision's GeneralizedRCNNTransform to 1e-5.
func (n Normalization) FillResized(dst []float32, stride int, m *Image, w, h int) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("resize to %dx%d: sides must be at least 1", w, h)
	}
	if err := checkRows(dst, stride, w, h); err != nil {
		return err
	}
	if w == m.W && h == m.H {
		return n.Fill(dst, stride, m)
	}
	t := n.tables()
	columns := taps(m.W, w)
	// Rows go down in the source, too: the two it is between, resized horizontally, are kept.
	var (
		source     = make([]float32, m.W*3)
		lo, hi     = make([]float32, w*3), make([]float32, w*3)
		loAt, hiAt = -1, -1
	)
	load := func(row []float32, y int) {
		t.row(source, m.Pix[y*m.W*3:(y+1)*m.W*3])
		resizeRow(row, source, columns)
	}
	for y, v := range taps(m.H, h) {
		if v.lo == hiAt {
			lo, hi, loAt, hiAt = hi, lo, hiAt, loAt
		}
		if v.lo != loAt {
			load(lo, v.lo)
			loAt = v.lo
		}
		if v.hi != hiAt {
			load(hi, v.hi)
			hiAt = v.hi
		}
		blend(dst[y*stride:y*stride+w*3], lo, hi, v.weight)
	}
	return nil
}

// resizeRow resizes a row of pixels of three values.
func resizeRow(dst, source []float32, columns []tap) {
	for _, c := range columns {
		a, b := source[c.lo*3:c.lo*3+3], source[c.hi*3:c.hi*3+3]
		dst[0] = (1-c.weight)*a[0] + c.weight*b[0]
		dst[1] = (1-c.weight)*a[1] + c.weight*b[1]
		dst[2] = (1-c.weight)*a[2] + c.weight*b[2]
		dst = dst[3:]
	}
}

// blend writes (1-weight)*lo + weight*hi.
func blend(dst, lo, hi []float32, weight float32) {
	lo, hi = lo[:len(dst)], hi[:len(dst)]
	for i := range dst {
		dst[i] = (1-weight)*lo[i] + weight*hi[i]
	}
}
