package nn

import (
	"fmt"

	"scalenet/raster"
)

// Pictures makes images of pictures as decoders give them, bytes of blue, green and red:
//
//	bytes (any number), placements (N, PlacementRow)[, shifts (N, 3)] -> images (N, Height, Width, 3)
//
// Each picture is normalised, resized and mirrored as package raster does it, and lies in the upper left corner of its image, which is 0
// beside and below it. The rows of placements are Placement's; a row of shifts is added to red, green and blue of [0, 1] of a picture before
// it is normalised. There is no derivative.
type Pictures struct {
	Mean, Std     [3]float32 // red, green, blue
	Height, Width int
}

// Placement says which of the bytes a picture is, from At on, what its sides are there, how it lies in its image and what is added to its
// red, green and blue.
type Placement struct {
	At, W, H int
	raster.Placing
	Shift [3]float32
}

// PlacementRow is the length of a row of placements.
const PlacementRow = 6

// Row is the placement as the operation reads it, without the shift.
func (p Placement) Row() []int32 {
	flips := int32(0)
	if p.FlipX {
		flips |= 1
	}
	if p.FlipY {
		flips |= 2
	}
	return []int32{int32(p.At), int32(p.W), int32(p.H), int32(p.Placing.W), int32(p.Placing.H), flips}
}

func placementOf(row []int32) Placement {
	return Placement{At: int(row[0]), W: int(row[1]), H: int(row[2]),
		Placing: raster.Placing{W: int(row[3]), H: int(row[4]), FlipX: row[5]&1 != 0, FlipY: row[5]&2 != 0}}
}

// OutShape implements Op.
func (p Pictures) OutShape(in []Shape) (Shape, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantSize(p.Height, p.Width); err != nil {
		return nil, err
	}
	if err := wantDims("bytes", in[0], 1); err != nil {
		return nil, err
	}
	if err := wantDims("placements", in[1], 2); err != nil {
		return nil, err
	}
	if err := wantShape("placements", in[1], in[1][0], PlacementRow); err != nil {
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
func (Pictures) Roles(n int) ([]Role, Role) { return Reads(n, Byte, Index, Full), Activation }

// ZeroDerivative implements Detached.
func (Pictures) ZeroDerivative() string {
	return "its inputs are bytes and integers"
}

// OutType is float32: bytes and placements have no float type that the output could take.
func (Pictures) OutType() DType { return Float32 }

// Placed is the placement in row i, if its picture lies within the bytes and its image. There may be no shifts.
func (p Pictures) Placed(bytes int, placements []int32, shifts []float32, i int) (Placement, error) {
	a := placementOf(placements[PlacementRow*i:])
	if len(shifts) > 0 {
		a.Shift = [3]float32(shifts[3*i:])
	}
	fits := a.At >= 0 && a.W > 0 && a.H > 0 && a.At+3*a.W*a.H <= bytes && a.Placing.W > 0 && a.Placing.W <= p.Width && a.Placing.H > 0 && a.Placing.H <= p.Height
	if !fits {
		return a, fmt.Errorf("picture %d of %dx%d at %d of %d bytes does not become %dx%d of %dx%d",
			i, a.W, a.H, a.At, bytes, a.Placing.W, a.Placing.H, p.Width, p.Height)
	}
	return a, nil
}

// FillRows makes the rows of an image from first to before end, of a placement that Placed gave.
func (p Pictures) FillRows(image []float32, bytes []uint8, a Placement, first, end int) error {
	stride := 3 * p.Width
	for y := first; y < end; y++ {
		row := image[y*stride : (y+1)*stride]
		if y < a.Placing.H {
			row = row[3*a.Placing.W:]
		}
		clear(row)
	}
	picture := raster.Picture{W: a.W, H: a.H, Pix: bytes[a.At : a.At+3*a.W*a.H]}
	mean := p.Mean
	for c, shift := range a.Shift {
		mean[c] -= shift
	}
	return raster.Normalization{Mean: mean, Std: p.Std}.FillRows(image, stride, picture, a.Placing, min(first, a.Placing.H), min(end, a.Placing.H))
}
