package imaging

import (
	"fmt"
	"image"
	"runtime"

	"gocv.io/x/gocv"
)

// All calls of OpenCV are in this file. Every Mat is closed by the function that made it.

// OpenCVVersion returns the version of the OpenCV library in use, such as "4.6.0".
func OpenCVVersion() string { return gocv.OpenCVVersion() }

// decodeOpenCV decodes data whose structure was checked.
func decodeOpenCV(data []byte, _ header) (*Image, error) { return decodeMat(data, gocv.IMReadColor) }

// decodeMat uses IMDecodeIntoMat with a new Mat: gocv.IMDecode keeps its error in a global, and decoding into a used Mat may
// leave the old image. The orientation is applied by this package, because OpenCV 4.6 does not apply it for WebP.
func decodeMat(data []byte, how gocv.IMReadFlag) (*Image, error) {
	mat := gocv.NewMat()
	defer mat.Close()
	err := gocv.IMDecodeIntoMat(data, how|gocv.IMReadIgnoreOrientation, &mat)
	if err != nil || mat.Empty() { // the text of the error names OpenCV functions, not the cause
		return nil, fmt.Errorf("%w: its pixels cannot be decoded", ErrCorrupt)
	}
	return fromMat(mat)
}

// fromMat copies a Mat out of C memory.
func fromMat(mat gocv.Mat) (*Image, error) {
	if mat.Type() != gocv.MatTypeCV8UC3 {
		return nil, fmt.Errorf("%w: decoded to %v instead of three bytes per pixel", ErrCorrupt, mat.Type())
	}
	pix, err := mat.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	out := New(mat.Cols(), mat.Rows())
	copy(out.Pix, pix)
	return out, nil
}

// borrowed calls f with a Mat over the image's own memory, which stays pinned until f returns.
func (m *Image) borrowed(f func(gocv.Mat) error) error {
	var pinner runtime.Pinner
	pinner.Pin(&m.Pix[0])
	defer pinner.Unpin()
	mat, err := gocv.NewMatFromBytes(m.H, m.W, gocv.MatTypeCV8UC3, m.Pix)
	if err != nil {
		return err
	}
	defer mat.Close()
	return f(mat)
}

// Resize returns the image at w x h pixels: bilinear, half-pixel centres, no antialias, which is PyTorch's
// interpolate(mode="bilinear", align_corners=False) rounded to bytes.
func (m *Image) Resize(w, h int) (*Image, error) {
	if w < 1 || h < 1 {
		return nil, fmt.Errorf("resize to %dx%d: sides must be at least 1", w, h)
	}
	if w == m.W && h == m.H {
		return m, nil
	}
	out := New(w, h)
	err := m.borrowed(func(from gocv.Mat) error {
		return out.borrowed(func(to gocv.Mat) error {
			return gocv.Resize(from, &to, image.Pt(w, h), 0, 0, gocv.InterpolationLinear)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("resize %dx%d to %dx%d: %w", m.W, m.H, w, h, err)
	}
	return out, nil
}

// encode returns the image as the file format of an extension that gocv knows.
func (m *Image) encode(extension gocv.FileExt, params []int) (data []byte, err error) {
	err = m.borrowed(func(mat gocv.Mat) error {
		buffer, err := gocv.IMEncodeWithParams(extension, mat, params)
		if err != nil {
			return err
		}
		defer buffer.Close()
		data = append(data, buffer.GetBytes()...)
		return nil
	})
	return data, err
}
