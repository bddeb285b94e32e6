package imaging

import (
	"fmt"
	"math"
)

// Adjustment changes the colours of an image: torchvision's adjust_brightness, adjust_contrast, adjust_saturation and adjust_hue, in this order, to
// within one grey level each. (torchvision rounds down where this rounds to the nearest byte.)
type Adjustment struct {
	Brightness float64 // factor of every sample; 1 keeps it
	Contrast   float64 // factor of a sample's distance to the mean luma of the image; 1 keeps it
	Saturation float64 // factor of a sample's distance to its pixel's luma; 1 keeps it
	Hue        float64 // rotation of the hue, where 1 is the full circle; 0 keeps it
}

// Unadjusted keeps the colours.
func Unadjusted() Adjustment { return Adjustment{Brightness: 1, Contrast: 1, Saturation: 1} }

// Adjusted returns a copy with the colours changed. It panics if a factor is negative or a value is not finite.
func (m *Image) Adjusted(a Adjustment) *Image {
	checkFactor("Brightness", a.Brightness)
	checkFactor("Contrast", a.Contrast)
	checkFactor("Saturation", a.Saturation)
	if math.IsNaN(a.Hue) || math.IsInf(a.Hue, 0) {
		panic(fmt.Sprintf("imaging: Hue(%v): the shift must be finite", a.Hue))
	}
	table := scaled(a.Brightness)
	if a.Contrast != 1 {
		mean := m.meanLuma(&table)
		for v, b := range table {
			table[v] = blended(float64(b), mean, a.Contrast)
		}
	}
	out := New(m.W, m.H)
	for i, v := range m.Pix {
		out.Pix[i] = table[v]
	}
	if a.Saturation != 1 {
		saturate(out.Pix, a.Saturation)
	}
	if a.Hue != 0 {
		shiftHue(out.Pix, a.Hue)
	}
	return out
}

// Brightness returns the image with every sample multiplied by factor, rounded and kept within 0 and 255: torchvision's
// adjust_brightness but for the rounding (it truncates). It panics if factor is negative or not finite.
func (m *Image) Brightness(factor float64) *Image {
	return m.Adjusted(Adjustment{Brightness: factor, Contrast: 1, Saturation: 1})
}

// Contrast returns the image with every sample's distance to the mean luma multiplied by factor: torchvision's adjust_contrast but for the
// rounding. It panics if factor is negative or not finite.
func (m *Image) Contrast(factor float64) *Image {
	return m.Adjusted(Adjustment{Brightness: 1, Contrast: factor, Saturation: 1})
}

// Saturation returns the image with every sample's distance to its pixel's luma multiplied by factor: torchvision's adjust_saturation but for the
// rounding. It panics if factor is negative or not finite.
func (m *Image) Saturation(factor float64) *Image {
	return m.Adjusted(Adjustment{Brightness: 1, Contrast: 1, Saturation: factor})
}

// Hue returns the image with the hue of every pixel rotated by shift, where 1 is the full circle: torchvision's adjust_hue. It panics if shift is
// not finite.
func (m *Image) Hue(shift float64) *Image {
	return m.Adjusted(Adjustment{Brightness: 1, Contrast: 1, Saturation: 1, Hue: shift})
}

func checkFactor(name string, factor float64) {
	if !(factor >= 0 && factor <= math.MaxFloat64) {
		panic(fmt.Sprintf("imaging: %s(%v): the factor must be finite and at least 0", name, factor))
	}
}

// scaled is every byte times factor.
func scaled(factor float64) (table [256]uint8) {
	for v := range table {
		table[v] = uint8(min(255, math.Round(float64(v)*factor)))
	}
	return table
}

// lumaTables has the shares of blue, green and red in the luma of a pixel, with the weights of Pillow and torchvision.
type lumaTables struct{ blue, green, red [256]float64 }

func newLumaTables(of func(v int) float64) *lumaTables {
	var t lumaTables
	for v := range t.blue {
		t.blue[v], t.green[v], t.red[v] = 0.114*of(v), 0.587*of(v), 0.2989*of(v)
	}
	return &t
}

// of returns the luma of a pixel, rounded down.
func (t *lumaTables) of(bgr []uint8) int {
	return int(t.blue[bgr[0]] + t.green[bgr[1]] + t.red[bgr[2]])
}

// meanLuma returns the mean luma of the image after a change of its bytes.
func (m *Image) meanLuma(table *[256]uint8) float64 {
	luma := newLumaTables(func(v int) float64 { return float64(table[v]) })
	sum := 0
	for p := m.Pix; len(p) >= 3; p = p[3:] {
		sum += luma.of(p)
	}
	return float64(sum) / float64(m.W*m.H)
}

// saturate multiplies the distance of each sample to its pixel's luma.
func saturate(pix []uint8, factor float64) {
	luma := newLumaTables(func(v int) float64 { return float64(v) })
	var ofSample, ofLuma [256]float64
	for v := range ofSample {
		ofSample[v], ofLuma[v] = factor*float64(v), (1-factor)*float64(v)
	}
	for ; len(pix) >= 3; pix = pix[3:] {
		p := pix[:3:3]
		grey := ofLuma[luma.of(p)]
		p[0] = rounded(ofSample[p[0]] + grey)
		p[1] = rounded(ofSample[p[1]] + grey)
		p[2] = rounded(ofSample[p[2]] + grey)
	}
}

// blended returns factor*v + (1-factor)*other, rounded and clipped to a byte.
func blended(v, other, factor float64) uint8 { return rounded(factor*v + (1-factor)*other) }

// rounded clips to a byte. Halves are rounded up.
func rounded(v float64) uint8 {
	switch {
	case v < 0:
		return 0
	case v >= 255:
		return 255
	}
	return uint8(v + 0.5)
}
