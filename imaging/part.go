package imaging

import (
	"image"

	"scalenet/raster"
)

// ResizePart returns a part of the image resized to w x h pixels, in bytes. The part is in pixels of the resized image. For Pillow and OpenCV the
// pixels are those of that library bit for bit, for Bilinear those of PyTorch to within one grey level. The part is a copy, or m if nothing changes.
func (m *Image) ResizePart(kind ResizeKind, w, h int, part image.Rectangle) (*Image, error) {
	if err := kind.Check(); err != nil {
		return nil, err
	}
	var out raster.Image
	var err error
	switch kind {
	case Pillow:
		out, err = raster.ResizePillowPart(raster.Image(*m), w, h, part)
	case OpenCV:
		return m.resizePartOpenCV(w, h, part)
	default:
		out, err = raster.ResizeBilinear(raster.Image(*m), w, h, part)
	}
	return same(m, out), err
}

// resizePartOpenCV resizes all of the image, because OpenCV's positions of pixels depend on its size.
func (m *Image) resizePartOpenCV(w, h int, part image.Rectangle) (*Image, error) {
	if part.Empty() || !part.In(image.Rect(0, 0, w, h)) { // the error names both
		_, err := raster.ResizeBilinear(raster.Image(*m), w, h, part)
		return nil, err
	}
	resized, err := m.Resize(w, h)
	if err != nil || part == resized.Bounds() {
		return resized, err
	}
	return resized.Crop(part.Min.X, part.Min.Y, part.Dx(), part.Dy()), nil
}

// RotatePart returns a part of the image rotated counterclockwise about its centre by an angle in degrees: torchvision's rotate with bilinear
// interpolation, to within one grey level. The part is in pixels of the image, which keeps its size. Where the image does not reach, it has the colour
// fill, in the order blue, green, red.
func (m *Image) RotatePart(degrees float64, fill [3]uint8, part image.Rectangle) (*Image, error) {
	out, err := raster.Rotate(raster.Image(*m), degrees, fill, part)
	return same(m, out), err
}

// Uniform returns an image of one colour, in the order blue, green, red. It panics if a side is below 1.
func Uniform(w, h int, colour [3]uint8) *Image {
	out := New(w, h)
	for i := 0; i < len(out.Pix); i += 3 {
		copy(out.Pix[i:], colour[:])
	}
	return out
}

// same returns out as an image: m if it has m's memory.
func same(m *Image, out raster.Image) *Image {
	if len(out.Pix) > 0 && &out.Pix[0] == &m.Pix[0] {
		return m
	}
	return (*Image)(&out)
}

// MeanColour is the mean in bytes, in the order blue, green, red. Normalised it is 0 to within half a grey level, as padding is.
func (n Normalization) MeanColour() (bgr [3]uint8) {
	for c, mean := range n.Mean {
		bgr[2-c] = rounded(float64(mean) * 255)
	}
	return bgr
}
