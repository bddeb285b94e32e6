package imaging

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// The formats in this file are rare among photographs: Go decoders read them, safe rather than fast.

// inspectConfig is the check of a format by its DecodeConfig. Errors of these packages do not tell corrupt from unsupported,
// but for the ones that say so.
func inspectConfig(data []byte, limits Limits, decodeConfig func(io.Reader) (image.Config, error)) (header, error) {
	config, err := decodeConfig(bytes.NewReader(data))
	if err != nil {
		return header{}, foreignError(err)
	}
	if err := limits.Check(config.Width, config.Height); err != nil {
		return header{}, err
	}
	return header{w: config.Width, h: config.Height, orientation: 1}, nil
}

func foreignError(err error) error {
	if _, ok := err.(tiff.UnsupportedError); ok || err == bmp.ErrUnsupported {
		return fmt.Errorf("%w: %v", ErrUnsupported, err)
	}
	return fmt.Errorf("%w: %v", ErrCorrupt, err)
}

func inspectGIF(data []byte, limits Limits) (header, error) {
	return inspectConfig(data, limits, gif.DecodeConfig)
}

func inspectBMP(data []byte, limits Limits) (header, error) {
	return inspectConfig(data, limits, bmp.DecodeConfig)
}

func inspectTIFF(data []byte, limits Limits) (header, error) {
	h, err := inspectConfig(data, limits, tiff.DecodeConfig)
	h.orientation = exifOrientation(data)
	return h, err
}

func decodeGIF(data []byte, h header) (*Image, error) {
	frame, err := gif.Decode(bytes.NewReader(data))
	return fromGo(frame, err, image.Rect(0, 0, h.w, h.h)) // the frame may cover a part of the canvas
}

func decodeBMP(data []byte, h header) (*Image, error) {
	m, err := bmp.Decode(bytes.NewReader(data))
	return fromGo(m, err, image.Rect(0, 0, h.w, h.h))
}

func decodeTIFF(data []byte, h header) (*Image, error) {
	m, err := tiff.Decode(bytes.NewReader(data))
	return fromGo(m, err, image.Rect(0, 0, h.w, h.h))
}

// fromGo converts what a Go decoder returned, on a black canvas.
func fromGo(m image.Image, err error, canvas image.Rectangle) (*Image, error) {
	if err != nil {
		return nil, foreignError(err)
	}
	out := New(canvas.Dx(), canvas.Dy())
	if straight, ok := m.(*image.NRGBA); ok && straight.Rect == canvas { // keep the colour under alpha, as OpenCV does
		for y := range out.H {
			swapRedBlue(out.Pix[y*out.W*3:(y+1)*out.W*3], straight.Pix[y*straight.Stride:])
		}
		return out, nil
	}
	rgba := image.NewRGBA(canvas)
	draw.Draw(rgba, m.Bounds().Intersect(canvas), m, m.Bounds().Min, draw.Src)
	swapRedBlue(out.Pix, rgba.Pix)
	return out, nil
}

// swapRedBlue fills bgr from pixels of red, green, blue, alpha.
func swapRedBlue(bgr, rgba []uint8) {
	for len(bgr) >= 3 {
		bgr[0], bgr[1], bgr[2] = rgba[2], rgba[1], rgba[0]
		bgr, rgba = bgr[3:], rgba[4:]
	}
}
