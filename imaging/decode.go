package imaging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/geom"
)

// The errors of input that is not a valid image. Errors of [Decode] and [Load] wrap one of them.
var (
	ErrUnsupported = errors.New("unsupported image format")
	ErrTooLarge    = errors.New("image too large")
	ErrCorrupt     = errors.New("corrupt image")
)

// Extensions returns the file name extensions of the supported formats, with the dot.
func Extensions() []string {
	return []string{".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
}

// IsImage reports whether a file name has one of the extensions, in upper or lower case.
func IsImage(path string) bool {
	return slices.Contains(Extensions(), strings.ToLower(filepath.Ext(path)))
}

// Limits limits the images to decode. It is checked against the size that a file declares, before memory is allocated. Zero
// fields have their default.
type Limits struct {
	Bytes  int // length of the file; default 64 MiB
	Side   int // longer side in pixels; default 16384
	Pixels int // width times height; default 50 million, which takes 150 MB twice while decoding
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	if l.Side == 0 {
		l.Side = 16384
	}
	if l.Pixels == 0 {
		l.Pixels = 50_000_000
	}
	return l
}

// Check returns an error if a size exceeds the limits, without defaults. Every format calls it with the size in the header.
func (l Limits) Check(w, h int) error {
	switch {
	case w < 1 || h < 1:
		return fmt.Errorf("%w: declares %dx%d pixels", ErrCorrupt, w, h)
	case w > l.Side || h > l.Side:
		return fmt.Errorf("%w: %dx%d pixels, a side may have %d", ErrTooLarge, w, h, l.Side)
	case w*h > l.Pixels: // no overflow: both are at most Side, which fits any file format in 32 bits
		return fmt.Errorf("%w: %dx%d is %d pixels, %d are allowed", ErrTooLarge, w, h, w*h, l.Pixels)
	}
	return nil
}

// header is the result of checking the structure of a file.
type header struct {
	w, h        int // as stored, before orientation
	orientation int // EXIF, 1 to 8
	reduction   int // by which pixels divides the sides of a JPEG: 2, 4 or 8; otherwise none
}

// format is a file format: how it begins, how its structure is checked and how its pixels are read. The errors of both
// functions wrap one of the three errors above.
type format struct {
	name    string
	begins  func(data []byte) bool
	inspect func(data []byte, limits Limits) (header, error)
	pixels  func(data []byte, h header) (*Image, error)
	rows    func(from io.ReaderAt, size int64, limits Limits) (rowReader, header, error) // nil: read only as a whole
}

func prefix(prefixes ...string) func([]byte) bool {
	return func(data []byte) bool {
		for _, p := range prefixes {
			if bytes.HasPrefix(data, []byte(p)) {
				return true
			}
		}
		return false
	}
}

func isWebP(data []byte) bool {
	return len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP"
}

func formats() []format {
	return []format{
		{"JPEG", prefix("\xff\xd8\xff"), inspectJPEG, decodeJPEG, openJPEGRows},
		{"PNG", prefix(pngSignature), inspectPNG, decodePNG, nil},
		{"WebP", isWebP, inspectWebP, decodeWebP, nil},
		{"GIF", prefix("GIF87a", "GIF89a"), inspectGIF, decodeGIF, nil},
		{"BMP", prefix("BM"), inspectBMP, decodeBMP, nil},
		{"TIFF", prefix("II*\x00", "MM\x00*", "II\x00*", "MM*\x00", "II+\x00", "MM\x00+"), inspectTIFF, decodeTIFF, openTIFFRows},
	}
}

// Decode returns the image in data, after applying the EXIF orientation. The result shares no memory with data.
func Decode(data []byte, limits Limits) (*Image, error) {
	m, _, err := DecodeReduced(data, limits, nil)
	return m, err
}

// formatOf returns the format of a file from its first bytes.
func formatOf(data []byte, limits Limits) (format, error) {
	if len(data) == 0 {
		return format{}, fmt.Errorf("%w: no data", ErrCorrupt)
	}
	if len(data) > limits.Bytes {
		return format{}, fmt.Errorf("%w: %d bytes, %d are allowed", ErrTooLarge, len(data), limits.Bytes)
	}
	for _, f := range formats() {
		if f.begins(data) {
			return f, nil
		}
	}
	return format{}, fmt.Errorf("%w: begins with % x; known are JPEG, PNG, WebP, GIF, BMP and TIFF", ErrUnsupported, data[:min(len(data), 8)])
}

// decode returns the image, reduced as needed, and its size before that.
func (f format) decode(data []byte, limits Limits, needed Needed) (m *Image, size geom.Size, err error) {
	h, err := f.inspect(data, limits)
	if err != nil {
		return nil, size, err
	}
	size = h.upright()
	w, height := h.w, h.h
	if needed != nil && f.name == "JPEG" {
		h.reduction = mostReduced(size, needed(size))
		w, height = reduced(w, h.reduction), reduced(height, h.reduction)
	}
	if m, err = f.pixels(data, h); err != nil {
		return nil, size, err
	}
	if m.W != w || m.H != height {
		return nil, size, fmt.Errorf("%w: declares %dx%d pixels and has %dx%d", ErrCorrupt, w, height, m.W, m.H)
	}
	return m.oriented(h.orientation), size, nil
}

// Load decodes a file. The error names the file.
func Load(path string, limits Limits) (*Image, error) {
	m, _, err := LoadReduced(path, limits, nil)
	return m, err
}
