package imaging

import "image/color"

// ClassColor returns the colour of a class, from 1. There are twelve, which repeat.
//
// They are light: dark text on them has a contrast of at least 6, and a dark halo makes their lines show on light grounds. The order is that in which
// each is the furthest from those before it for people with normal vision and with protanopia, deuteranopia and tritanopia: CIE76 distances of at
// least 27 among the first six and 15 among all. The web page has the same colours (web/assets/js/palette.js).
func ClassColor(class int) color.RGBA {
	palette := [...]uint32{
		0xffa24d, 0x0096ff, 0x00ffd2, 0xfff000, 0xff6978, 0xc3c3ff,
		0xb4ffa5, 0xe169b4, 0x3cc396, 0xe1c30f, 0xff2dff, 0xff5a00,
	}
	n := len(palette)
	v := palette[((class-1)%n+n)%n]
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

// labelInk is the colour of text on class colours.
func labelInk() color.RGBA { return color.RGBA{16, 18, 20, 255} }
