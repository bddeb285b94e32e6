package imaging

import (
	"fmt"
	"io"

	"scalenet/geom"
)

// Header is the header of an image file.
type Header struct {
	Format  string    // "JPEG", "PNG", ...
	Size    geom.Size // after applying the EXIF orientation, as Decode returns it
	Rotated bool      // the EXIF orientation swaps width and height
}

// Inspect checks the structure of a file and reads its header, without decoding pixels. Errors are those of [Decode].
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
	return Header{Format: format, Size: h.upright(), Rotated: h.rotated()}
}

func (h header) rotated() bool { return h.orientation >= 5 && h.orientation <= 8 }

// upright returns the size after applying the orientation.
func (h header) upright() geom.Size {
	if h.rotated() {
		return geom.Size{W: h.h, H: h.w}
	}
	return geom.Size{W: h.w, H: h.h}
}

// headBytes usually include the frame header of a JPEG. Large previews and colour profiles may come before it.
const headBytes = 32 << 10

// Size returns the size of an image after applying the EXIF orientation. Of a JPEG it reads only the start of the file, if that
// is enough. The error names the file.
func Size(path string, limits Limits) (geom.Size, error) {
	f, err := openRegular(path)
	if err != nil {
		return geom.Size{}, err
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

// headJPEG reads the header from the start of a JPEG, up to its first scan. It returns false if the first scan is not in data
// or data is invalid.
func headJPEG(data []byte, limits Limits) (header, bool) {
	walk := jpegWalk{data: data, pos: 2}
	if err := walk.toScan(limits); err != nil {
		return header{}, false
	}
	return walk.found(), true
}
