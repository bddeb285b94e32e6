package imaging

import "scalenet/raster"

// Normalization converts bytes to a model input: (byte/255 - Mean)/Std per channel.
type Normalization raster.Normalization

// ImageNet returns the mean and standard deviation of ImageNet's training images, as in torchvision.
func ImageNet() Normalization {
	return Normalization{Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}}
}

// Fill writes the normalised image to dst as m.H rows of m.W RGB pixels. Row y begins at dst[y*stride]. The rest of each row,
// and of dst, is not changed. It returns an error if dst or stride is too small.
func (n Normalization) Fill(dst []float32, stride int, m *Image) error {
	return raster.Normalization(n).Fill(dst, stride, raster.Image(*m))
}

// FillResized is Fill after resizing and mirroring. Like torchvision's GeneralizedRCNNTransform, it normalises before the
// bilinear resize, in float32. The values agree to 1e-5.
func (n Normalization) FillResized(dst []float32, stride int, m *Image, to raster.Transform) error {
	return raster.Normalization(n).FillResized(dst, stride, raster.Image(*m), to)
}
