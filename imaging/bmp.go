package imaging

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"io"
	"slices"
	"strings"

	"golang.org/x/image/bmp"
)

// inspectBMP reads the header. x/image/bmp reads 1, 2, 4, 8, 24 and 32 bits without compression.
func inspectBMP(data []byte, limits Limits) (header, error) {
	if err := checkBMPSize(data, limits); err != nil {
		return header{}, err
	}
	config, err := bmp.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, foreignError(err)
	}
	return header{w: config.Width, h: config.Height, orientation: 1}, limits.Check(config.Width, config.Height)
}

// checkBMPSize checks the size against the limits, because x/image/bmp returns "unsupported" for some invalid sizes. The height
// is negative if rows are stored top to bottom.
func checkBMPSize(data []byte, limits Limits) error {
	const oldHeader = 12 // with sizes of two bytes; unsupported
	if len(data) < 26 || binary.LittleEndian.Uint32(data[14:]) <= oldHeader {
		return nil
	}
	w, h := int(int32(binary.LittleEndian.Uint32(data[18:]))), int(int32(binary.LittleEndian.Uint32(data[22:])))
	return limits.Check(w, max(h, -h))
}

// foreignError converts an error of a Go decoder to an error of this package.
func foreignError(err error) error {
	switch {
	case errors.Is(err, bmp.ErrUnsupported):
		return fmt.Errorf("%w: this kind of BMP (compressed, 16 bits, or with a rare header)", ErrUnsupported)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.HasSuffix(err.Error(), "EOF"):
		return fmt.Errorf("%w: cut off", ErrCorrupt)
	}
	parts := strings.Split(err.Error(), ": ")
	parts = slices.DeleteFunc(parts, func(s string) bool { return slices.Contains([]string{"bmp", "gif", "lzw", "image"}, s) }) // packages of Go
	return fmt.Errorf("%w: %s", ErrCorrupt, strings.Join(parts, ": "))
}

func decodeBMP(data []byte, h header) (*Image, error) {
	m, err := bmp.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, foreignError(err)
	}
	return fromGo(m, image.Rect(0, 0, h.w, h.h)), nil
}

// fromGo converts what a Go decoder returned.
func fromGo(m image.Image, canvas image.Rectangle) *Image {
	out := New(canvas.Dx(), canvas.Dy())
	if straight, ok := m.(*image.NRGBA); ok && straight.Rect == canvas { // keep the colour under alpha, as OpenCV does
		for y := range out.H {
			swapRedBlue(out.Pix[y*out.W*3:(y+1)*out.W*3], straight.Pix[y*straight.Stride:])
		}
		return out
	}
	rgba := image.NewRGBA(canvas)
	draw.Draw(rgba, m.Bounds().Intersect(canvas), m, m.Bounds().Min, draw.Src)
	swapRedBlue(out.Pix, rgba.Pix)
	return out
}

// swapRedBlue fills bgr from pixels of red, green, blue, alpha.
func swapRedBlue(bgr, rgba []uint8) {
	for len(bgr) >= 3 {
		bgr[0], bgr[1], bgr[2] = rgba[2], rgba[1], rgba[0]
		bgr, rgba = bgr[3:], rgba[4:]
	}
}
