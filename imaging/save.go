package imaging

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gocv.io/x/gocv"
)

// jpegQuality is high enough that text and thin boxes stay clean.
const jpegQuality = 92

// Encode returns the picture as a file of the format that an extension names: ".png", ".jpg" or ".jpeg", in any case.
func (m *Image) Encode(extension string) ([]byte, error) {
	switch strings.ToLower(extension) {
	case ".png":
		return m.encode(gocv.PNGFileExt, []int{gocv.IMWritePngCompression, 3})
	case ".jpg", ".jpeg":
		return m.encode(gocv.JPEGFileExt, []int{gocv.IMWriteJpegQuality, jpegQuality})
	}
	return nil, fmt.Errorf("%w: a picture can be written as .png, .jpg or .jpeg, not %q", ErrUnsupported, extension)
}

// Save writes the picture in the format of path's extension. The file appears whole or not at all.
func (m *Image) Save(path string) error {
	data, err := m.Encode(filepath.Ext(path))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename; what is left over of a failure goes here
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
