package imaging

import "math"

// hueBits is the precision of a hue: its position on the circle of six sectors (red, yellow, green, cyan, blue, magenta) in fixed point.
const hueBits = 20

// toByte is 255.999/255 in 16 bits: torchvision's step from [0, 1] to bytes multiplies by 255.999 and rounds down.
const toByte = 65793

// shiftHue rotates the hue of each pixel and keeps its largest and its smallest sample, that is, HSV's value and saturation.
func shiftHue(pix []uint8, shift float64) {
	const circle = 6 << hueBits
	by := int64(math.Round((shift - math.Floor(shift)) * circle))
	var reciprocals [256]int64
	for d := 1; d < len(reciprocals); d++ {
		reciprocals[d] = (1<<hueBits + int64(d)/2) / int64(d)
	}
	for ; len(pix) >= 3; pix = pix[3:] {
		p := pix[:3:3]
		b, g, r := int64(p[0]), int64(p[1]), int64(p[2])
		most, least := max(b, g, r), min(b, g, r)
		if most == least {
			continue // grey
		}
		var hue int64
		switch inverse := reciprocals[most-least]; most {
		case r:
			hue = (g - b) * inverse
		case g:
			hue = 2<<hueBits + (b-r)*inverse
		default:
			hue = 4<<hueBits + (r-g)*inverse
		}
		if hue += by; hue < 0 {
			hue += circle
		} else if hue >= circle {
			hue -= circle
		}
		p[0], p[1], p[2] = ofHue(hue, most, least)
	}
}

// ofHue returns blue, green and red of a hue.
func ofHue(hue, most, least int64) (b, g, r uint8) {
	sector, within := hue>>hueBits, hue&(1<<hueBits-1)
	if sector&1 == 1 {
		within = 1<<hueBits - within // the third sample falls in odd sectors
	}
	high, low := uint8(most), uint8(least)
	between := uint8((least<<hueBits + (most-least)*within) * toByte >> (hueBits + 16))
	switch sector {
	case 0:
		return low, between, high
	case 1:
		return low, high, between
	case 2:
		return between, high, low
	case 3:
		return high, between, low
	case 4:
		return high, low, between
	}
	return between, low, high
}
