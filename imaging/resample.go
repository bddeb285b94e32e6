package imaging

import (
	"fmt"

	"scalenet/raster"
)

// Crop returns a copy of the w x h pixels from (x, y) on. It panics if they are not all within the image.
func (m *Image) Crop(x, y, w, h int) *Image {
	if x < 0 || y < 0 || w < 1 || h < 1 || x+w > m.W || y+h > m.H {
		panic(fmt.Sprintf("imaging: Crop(%d, %d, %d, %d) of %dx%d pixels", x, y, w, h, m.W, m.H))
	}
	out := New(w, h)
	for row := range h {
		at := ((y+row)*m.W + x) * 3
		copy(out.Pix[row*w*3:(row+1)*w*3], m.Pix[at:at+w*3])
	}
	return out
}

// Resample returns the image at w x h pixels as Pillow's resize with BILINEAR does, byte for byte: antialiased when it
// becomes smaller, first along rows, then along columns. Classifiers are trained and tested on such images, as are the detectors of
// detectron2. It panics if a side is below 1.
func (m *Image) Resample(w, h int) *Image {
	if w == m.W && h == m.H {
		return m.Clone()
	}
	out, err := raster.ResizePillow(raster.Image(*m), w, h)
	if err != nil {
		panic(fmt.Sprintf("imaging: Resample: %v", err))
	}
	return (*Image)(&out)
}
