package imaging

import "math"

// grey returns the luma of a pixel with the weights of Pillow and torchvision.
func grey(bgr []uint8) float64 {
	return 0.114*float64(bgr[0]) + 0.587*float64(bgr[1]) + 0.2989*float64(bgr[2])
}

// Contrast returns the image with every sample's distance to the mean luma multiplied by factor, which must not be
// negative: torchvision's adjust_contrast but for the rounding (it truncates).
func (m *Image) Contrast(factor float64) *Image {
	var sum float64
	for i := 0; i < len(m.Pix); i += 3 {
		sum += math.Floor(grey(m.Pix[i : i+3]))
	}
	mean := sum / float64(m.W*m.H)
	var table [256]uint8
	for v := range table {
		table[v] = blended(float64(v), mean, factor)
	}
	out := New(m.W, m.H)
	for i, v := range m.Pix {
		out.Pix[i] = table[v]
	}
	return out
}

// Saturation returns the image with every sample's distance to its pixel's luma multiplied by factor, which must not be
// negative: torchvision's adjust_saturation but for the rounding (it truncates).
func (m *Image) Saturation(factor float64) *Image {
	out := New(m.W, m.H)
	for i := 0; i < len(m.Pix); i += 3 {
		luma := math.Floor(grey(m.Pix[i : i+3]))
		for c := range 3 {
			out.Pix[i+c] = blended(float64(m.Pix[i+c]), luma, factor)
		}
	}
	return out
}

// blended returns factor*v + (1-factor)*other, rounded and clipped to a byte.
func blended(v, other, factor float64) uint8 {
	return uint8(min(max(math.Round(factor*v+(1-factor)*other), 0), 255))
}
