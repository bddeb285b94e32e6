package imaging

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"gocv.io/x/gocv"

	"scalenet/checkpoint"
)

// jpegQuality is high enough that text and thin boxes stay clean.
const jpegQuality = 92

// Encode returns the image as a file in the format of an extension: ".png", ".jpg" or ".jpeg", in upper or lower case.
func (m *Image) Encode(extension string) ([]byte, error) {
	switch strings.ToLower(extension) {
	case ".png":
		return m.encode(gocv.PNGFileExt, []int{gocv.IMWritePngCompression, 3})
	case ".jpg", ".jpeg":
		return m.encode(gocv.JPEGFileExt, []int{gocv.IMWriteJpegQuality, jpegQuality})
	}
	return nil, fmt.Errorf("%w: an image can be written as .png, .jpg or .jpeg, not %q", ErrUnsupported, extension)
}

// Save writes the image atomically, in the format of the extension of path.
func (m *Image) Save(path string) error {
	data, err := m.Encode(filepath.Ext(path))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
