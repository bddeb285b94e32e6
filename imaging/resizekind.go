package imaging

import (
	"fmt"

	"scalenet/internal/spelling"
	"scalenet/raster"
)

// ResizeKind is the interpolation by which a detector's images were resized in training. Detection has to use the same, because the pixels differ.
type ResizeKind string

// The kinds of published detectors.
const (
	// Bilinear is PyTorch's interpolate(mode="bilinear", align_corners=False) of float32 values, without antialiasing: torchvision. It is the
	// default, also for an empty ResizeKind.
	Bilinear ResizeKind = "bilinear"
	// Pillow is PIL's Image.resize(BILINEAR) of bytes, with antialiasing: detectron2.
	Pillow ResizeKind = "pillow"
	// OpenCV is cv2.resize(INTER_LINEAR) of bytes, without antialiasing: mmdetection.
	OpenCV ResizeKind = "opencv"
	// OpenCVFactor is cv2.resize(INTER_LINEAR) of float32 values by the factor of [Fitting.Scale], see FillScaled: jwyang's detector, which also divides
	// boxes by it. It differs from Bilinear where the sides are rounded, by less than half a pixel.
	OpenCVFactor ResizeKind = "opencv-factor"
)

// Check returns an error if there is no such kind.
func (k ResizeKind) Check() error {
	switch k {
	case "", Bilinear, Pillow, OpenCV, OpenCVFactor:
		return nil
	}
	return fmt.Errorf("resize %q: want %s", k, spelling.Alternatives([]string{string(Bilinear), string(Pillow), string(OpenCV), string(OpenCVFactor)}))
}

// TakesReduced reports whether images of the kind may be reduced while they are decoded, see [DecodeReduced]. The other kinds are those of published
// detectors, whose pixels follow from the whole image.
func (k ResizeKind) TakesReduced() bool { return k == "" || k == Bilinear }

// Resize is the part of resizing to w x h pixels that is done on bytes. For Pillow and OpenCV it returns the resized image, equal to that library's
// bit for bit, or m if it has that size. For Bilinear and OpenCVFactor it returns m, because FillResized, nn.Preprocess and FillScaled resize in float32.
// In all cases they then take the result with a transform to w x h.
func Resize(kind ResizeKind, m *Image, w, h int) (*Image, error) {
	if err := kind.Check(); err != nil {
		return nil, err
	}
	switch kind {
	case Pillow:
		out, err := raster.ResizePillow(raster.Image(*m), w, h)
		if err != nil {
			return nil, err
		}
		return (*Image)(&out), nil
	case OpenCV:
		return m.Resize(w, h)
	}
	return m, nil
}

// FillScaled is FillResized with the pixel positions of OpenCV's resize of a float32 image by a given factor, which [Fitting.Scale] returns: jwyang's
// detector.
func (n Normalization) FillScaled(dst []float32, stride int, m *Image, to raster.Transform, scale float64) error {
	return raster.Normalization(n).FillScaled(dst, stride, raster.Image(*m), to, scale)
}
