package imaging

import "scalenet/raster"

// Normalization turns bytes into a network's input: (byte/255 - Mean)/Std for red, green and blue.
type Normalization raster.Normalization

// ImageNet returns the mean and deviation of ImageNet's training images, as torchvision has them.
func ImageNet() Normalization {
	return Normalization{Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}}
}

// Fill writes the image into dst as m.H rows of m.W pixels of red, green and blue, row y beginning at dst[y*stride]. The rest
// of each row, and of dst, is left as it is. The error says that dst is too short or stride too small.
func (n Normalization) Fill(dst []float32, stride int, m *Image) error {
	return raster.Normalization(n).Fill(dst, stride, raster.Image(*m))
}

// FillResized is Fill of the image as it is to be placed, in float32 throughout: normalised, then resized bilinearly, equal to
// torchvision's GeneralizedRCNNTransform to 1e-5.
func (n Normalization) FillResized(dst []float32, stride int, m *Image, to raster.Transform) error {
	return raster.Normalization(n).FillResized(dst, stride, raster.Image(*m), to)
}
