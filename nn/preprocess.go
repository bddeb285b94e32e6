package nn

import (
	"fmt"

	"scalenet/raster"
)

// Preprocess computes the model input from decoded images, which are BGR bytes:
//
//	bytes (any number), transforms (N, TransformRow)[, shifts (N, 3)] -> images (N, Height, Width, 3)
//
// Each image is normalised, resized and flipped as in package raster. The result is in the upper left corner of the image's slice of the batch;
// padding is 0. Each row of transforms is an [ImageTransform]. A row of shifts is added to the RGB values in [0, 1] before normalisation. The operation
// has no derivative.
type Preprocess struct {
	Mean, Std     [3]float32 // red, green, blue
	Height, Width int
}

// ImageTransform is the transform of one image in Preprocess. The image has W x H pixels and begins at byte At. Shift is added to its RGB values.
type ImageTransform struct {
	At, W, H int
	raster.Transform
	Shift [3]float32
}

// TransformRow is the length of a row of transforms.
const TransformRow = 6

// Row returns the transform, without Shift, as a row of the operation's input.
func (p ImageTransform) Row() []int32 {
	flips := int32(0)
	if p.FlipX {
		flips |= 1
	}
	if p.FlipY {
		flips |= 2
	}
	return []int32{int32(p.At), int32(p.W), int32(p.H), int32(p.Transform.W), int32(p.Transform.H), flips}
}

func transformOf(row []int32) ImageTransform {
	return ImageTransform{At: int(row[0]), W: int(row[1]), H: int(row[2]),
		Transform: raster.Transform{W: int(row[3]), H: int(row[4]), FlipX: row[5]&1 != 0, FlipY: row[5]&2 != 0}}
}

// OutShape implements Op.
func (p Preprocess) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantSize(p.Height, p.Width); err != nil {
		return nil, err
	}
	if err := wantDims("bytes", in[0], 1); err != nil {
		return nil, err
	}
	if err := wantDims("transforms", in[1], 2); err != nil {
		return nil, err
	}
	if err := wantShape("transforms", in[1], in[1][0], TransformRow); err != nil {
		return nil, err
	}
	if len(in) == 3 {
		if err := wantShape("shifts", in[2], in[1][0], 3); err != nil {
			return nil, err
		}
	}
	return Shape{in[1][0], p.Height, p.Width, 3}, nil
}

// Roles implements Roler.
func (Preprocess) Roles(n int) ([]Role, Role) { return Reads(n, Byte, Index, Full), Activation }

// ZeroDerivative implements Detached.
func (Preprocess) ZeroDerivative() string {
	return "its inputs are bytes and integers"
}

// OutType is float32: bytes and transforms have no float type that the output could take.
func (Preprocess) OutType() DType { return Float32 }

// Transform returns the transform in row i. It returns an error if the image exceeds the bytes, or the result exceeds Height x Width. shifts may be
// empty.
func (p Preprocess) Transform(bytes int, transforms []int32, shifts []float32, i int) (ImageTransform, error) {
	a := transformOf(transforms[TransformRow*i:])
	if len(shifts) > 0 {
		a.Shift = [3]float32(shifts[3*i:])
	}
	fits := a.At >= 0 && a.W > 0 && a.H > 0 && a.At+3*a.W*a.H <= bytes && a.Transform.W > 0 && a.Transform.W <= p.Width && a.Transform.H > 0 && a.Transform.H <= p.Height
	if !fits {
		return a, fmt.Errorf("image %d of %dx%d pixels at byte %d of %d cannot be resized to %dx%d in a batch of %dx%d",
			i, a.W, a.H, a.At, bytes, a.Transform.W, a.Transform.H, p.Width, p.Height)
	}
	return a, nil
}

// FillRows writes the rows [first, end) of an image, of a transform that Transform returned.
func (p Preprocess) FillRows(image []float32, bytes []uint8, a ImageTransform, first, end int) error {
	stride := 3 * p.Width
	for y := first; y < end; y++ {
		row := image[y*stride : (y+1)*stride]
		if y < a.Transform.H {
			row = row[3*a.Transform.W:]
		}
		clear(row)
	}
	decoded := raster.Image{W: a.W, H: a.H, Pix: bytes[a.At : a.At+3*a.W*a.H]}
	mean := p.Mean
	for c, shift := range a.Shift {
		mean[c] -= shift
	}
	return raster.Normalization{Mean: mean, Std: p.Std}.FillRows(image, stride, decoded, a.Transform, min(first, a.Transform.H), min(end, a.Transform.H))
}
