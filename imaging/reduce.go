package imaging

import (
	"fmt"
	"io"
	"os"

	"scalenet/geom"
)

// Needed returns the size at which an image of the given size is used, both after applying the EXIF orientation. nil stands for the size itself.
type Needed func(geom.Size) geom.Size

// DecodeReduced is [Decode] for a use at a smaller size. A JPEG is decoded at the least of 1/8, 1/4 and 1/2 of its size that is at least twice what is
// needed, which takes a third of the time for a photograph of 12 million pixels. Its pixels are then about means of those of the image. Other images,
// and a JPEG of which more is needed, are decoded as they are. size is that of the whole image.
func DecodeReduced(data []byte, limits Limits, needed Needed) (m *Image, size geom.Size, err error) {
	limits = limits.orDefault()
	f, err := formatOf(data, limits)
	if err != nil {
		return nil, size, err
	}
	m, size, err = f.decode(data, limits, needed)
	if err != nil {
		return nil, size, fmt.Errorf("%s: %w", f.name, err)
	}
	return m, size, nil
}

// LoadReduced is [DecodeReduced] for a file. The error names the file.
func LoadReduced(path string, limits Limits, needed Needed) (m *Image, size geom.Size, err error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, size, err
	}
	defer f.Close()
	// One byte beyond the limit is enough for DecodeReduced to refuse it; the rest of a huge file is never read.
	data, err := io.ReadAll(io.LimitReader(f, int64(limits.orDefault().Bytes)+1))
	if err != nil {
		return nil, size, err
	}
	m, size, err = DecodeReduced(data, limits, needed)
	if err != nil {
		return nil, size, fmt.Errorf("%s: %w", path, err)
	}
	return m, size, nil
}

// openRegular opens a file. Others are refused before they are opened: opening a named pipe waits for its writer, perhaps for ever.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err // names the path already
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	return os.Open(path)
}

// mostReduced returns the most by which the sides of a JPEG can be divided.
func mostReduced(size, needed geom.Size) int {
	for _, by := range [...]int{8, 4, 2} {
		if reducible(size.W, needed.W, by) && reducible(size.H, needed.H, by) {
			return by
		}
	}
	return 1
}

// reducible reports whether a side can be divided. At less than twice the needed size, the interpolation that follows would blur. The last pixel of a
// reduced image may reach beyond the image. That shifts what is near the edge, by at most a quarter of a pixel of the needed size.
func reducible(side, needed, by int) bool {
	n := reduced(side, by)
	return n >= 2*needed && 4*(n*by-side)*needed <= side
}

// reduced returns libjpeg's size of a reduced side.
func reduced(side, by int) int { return (side + by - 1) / by }
