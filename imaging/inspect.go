package imaging

import (
	"fmt"
	"io"
	"os"

	"scalenet/geom"
)

// Header is what a file says about its image, without its pixels.
type Header struct {
	Format  string    // "JPEG", "PNG", ...
	Size    geom.Size // upright, as Decode returns it
	Rotated bool      // EXIF turns the image by a quarter: it is stored with its sides swapped
}

// Inspect checks the structure of a file and reads its header; no pixel is decoded. Errors are those of [Decode].
func Inspect(data []byte, limits Limits) (Header, error) {
	limits = limits.orDefault()
	f, err := formatOf(data, limits)
	if err != nil {
		return Header{}, err
	}
	h, err := f.inspect(data, limits)
	if err != nil {
		return Header{}, fmt.Errorf("%s: %w", f.name, err)
	}
	return h.exported(f.name), nil
}

func (h header) exported(format string) Header {
	out := Header{Format: format, Size: geom.Size{W: h.w, H: h.h}, Rotated: h.orientation >= 5 && h.orientation <= 8}
	if out.Rotated {
		out.Size = geom.Size{W: h.h, H: h.w}
	}
	return out
}

// headBytes hold the frame header of a JPEG but for one with a large preview or colour profile before it.
const headBytes = 32 << 10

// Size reads the size of an image, upright. Of a JPEG only the beginning of the file is looked at. Errors name the file.
func Size(path string, limits Limits) (geom.Size, error) {
	f, err := os.Open(path)
	if err != nil {
		return geom.Size{}, err // names the path already
	}
	defer f.Close()
	data := make([]byte, headBytes)
	n, err := io.ReadFull(f, data)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return geom.Size{}, err
	}
	data = data[:n]
	limits = limits.orDefault()
	if prefix("\xff\xd8\xff")(data) {
		if h, ok := headJPEG(data, limits); ok {
			return h.exported("JPEG").Size, nil
		}
	}
	rest, err := io.ReadAll(io.LimitReader(f, int64(limits.Bytes)+1-int64(len(data))))
	if err != nil {
		return geom.Size{}, err
	}
	h, err := Inspect(append(data, rest...), limits)
	if err != nil {
		return geom.Size{}, fmt.Errorf("%s: %w", path, err)
	}
	return h.Size, nil
}

// headJPEG reads the header from the beginning of a JPEG, up to its first scan; it is not ok if that is not in it or unsound.
func headJPEG(data []byte, limits Limits) (header, bool) {
	walk := jpegWalk{data: data, pos: 2}
	for walk.scans == 0 {
		marker, err := walk.next()
		if err != nil || marker == 0xd9 {
			return header{}, false
		}
		if err := walk.segment(marker, limits); err != nil {
			return header{}, false
		}
	}
	return walk.found(), true
}
