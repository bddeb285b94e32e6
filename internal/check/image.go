package check

import (
	"crypto/sha256"
	"fmt"
	"os"

	"scalenet/geom"
	"scalenet/imaging"
)

// maxBytes is the maximum size of an image file, as in package imaging.
const maxBytes = 64 << 20

// seenImage is the result of decoding an image file.
type seenImage struct {
	err     error
	size    geom.Size // after applying the EXIF orientation
	rotated bool      // the EXIF orientation is not the default
	hash    [sha256.Size]byte
}

// lookAt reads and decodes an image file.
func lookAt(path string, limits imaging.Limits) (s seenImage) {
	info, err := os.Stat(path)
	if err != nil {
		return seenImage{err: err}
	}
	if !info.Mode().IsRegular() { // opening a named pipe waits for its writer, perhaps for ever
		return seenImage{err: fmt.Errorf("%s: not a regular file", path)}
	}
	if limit := int64(max(limits.Bytes, maxBytes)); info.Size() > limit {
		return seenImage{err: fmt.Errorf("%s: %w: %d bytes, at most %d are allowed", path, imaging.ErrTooLarge, info.Size(), limit)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return seenImage{err: err}
	}
	m, err := imaging.Decode(data, limits)
	if err != nil {
		return seenImage{err: fmt.Errorf("%s: %w", path, err)}
	}
	h, err := imaging.Inspect(data, limits)
	return seenImage{err, geom.Size{W: m.W, H: m.H}, h.Rotated, sha256.Sum256(data)}
}
