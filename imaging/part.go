package imaging

import (
	"image"

	"scalenet/raster"
)

// ResizePart returns a part of the image resized to w x h pixels, in bytes. The part is in pixels of the resized image, and only its pixels are computed.
// For Pillow they are those of that library bit for bit, for other kinds those of Bilinear in PyTorch, and so of OpenCV, to within one grey level. The
// part is a copy, or m if nothing changes.
func (m *Image) ResizePart(kind ResizeKind, w, h int, part image.Rectangle) (*Image, error) {
	if err := kind.Check(); err != nil {
		return nil, err
	}
	resize := raster.ResizeBilinear
	if kind == Pillow {
		resize = raster.ResizePillowPart
	}
	out, err := resize(raster.Image(*m), w, h, part)
	return same(m, out), err
}

// Rotation resizes an image to W x H pixels and rotates it about its centre.
type Rotation struct {
	W, H    int
	Degrees float64         // counterclockwise
	Part    image.Rectangle // of the result, in its pixels
	Fill    [3]uint8        // colour where the image does not reach: blue, green, red
}

// Rotated returns the part of the image that is resized and rotated: in one step, without antialiasing, as torchvision's affine, but for Pillow
// after a resize by Pillow if the image becomes smaller. All are torchvision's to within one grey level. Colours are changed by a
// after that; the fill colour stays.
func (m *Image) Rotated(kind ResizeKind, r Rotation, a Adjustment) (*Image, error) {
	if err := kind.Check(); err != nil {
		return nil, err
	}
	if kind == Pillow && r.W*r.H < m.W*m.H {
		resized, err := Resize(kind, m, r.W, r.H)
		if err != nil {
			return nil, err
		}
		m = resized
	}
	rotation := raster.Rotation(r)
	out, err := rotation.Of(raster.Image(*m))
	if err != nil || a == Unadjusted() {
		return (*Image)(&out), err
	}
	adjusted := (*Image)(&out).Adjusted(a)
	rotation.Refill(raster.Image(*adjusted), m.W, m.H)
	return adjusted, nil
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
