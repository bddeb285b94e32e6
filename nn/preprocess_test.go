package nn

import (
	"testing"

	"scalenet/raster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPlacement(t *testing.T) {
	op := Preprocess{Height: 8, Width: 9}
	at := func(at, w, h int, to raster.Transform) ImageTransform {
		return ImageTransform{At: at, W: w, H: h, Transform: to}
	}
	one := raster.Transform{W: 1, H: 1}
	for _, want := range []ImageTransform{
		at(0, 2, 3, raster.Transform{W: 9, H: 8}),
		at(6, 2, 2, raster.Transform{W: 1, H: 1, FlipX: true}),
		at(6, 2, 2, raster.Transform{W: 1, H: 1, FlipY: true}),
		at(17, 1, 1, raster.Transform{W: 1, H: 1, FlipX: true, FlipY: true}),
	} {
		rows := append(make([]int32, TransformRow), want.Row()...)
		got, err := op.Transform(20, rows, nil, 1)
		require.NoError(t, err)
		assert.Equal(t, want, got)
		want.Shift = [3]float32{0.25, 0.5, 0.75}
		got, err = op.Transform(20, rows, []float32{1, 2, 3, 0.25, 0.5, 0.75}, 1)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, wrong := range []ImageTransform{
		{}, at(-1, 2, 2, one), at(0, 0, 2, one), at(0, 2, 0, one), at(9, 2, 2, one), at(0, 1<<20, 1<<20, one),
		at(0, 2, 2, raster.Transform{W: 10, H: 1}), at(0, 2, 2, raster.Transform{W: 1, H: 9}), at(0, 2, 2, raster.Transform{W: 0, H: 1}),
	} {
		_, err := op.Transform(20, wrong.Row(), nil, 0)
		assert.ErrorContains(t, err, "image 0 of ")
	}
}

// An image's rows can be made in any parts.
func TestFillRowsInParts(t *testing.T) {
	op := Preprocess{Mean: [3]float32{0.5, 0.4, 0.3}, Std: [3]float32{0.2, 0.3, 0.4}, Height: 11, Width: 7}
	bytes := make([]uint8, 5*6*3)
	for i := range bytes {
		bytes[i] = uint8(i * 37)
	}
	for _, flip := range []bool{false, true} {
		a := ImageTransform{W: 5, H: 6, Transform: raster.Transform{W: 6, H: 9, FlipX: flip, FlipY: flip}}
		whole, parts := make([]float32, 11*7*3), make([]float32, 11*7*3)
		for i := range whole {
			whole[i], parts[i] = 9, 9
		}
		require.NoError(t, op.FillRows(whole, bytes, a, 0, 11))
		for y := range 11 {
			require.NoError(t, op.FillRows(parts, bytes, a, y, y+1))
		}
		assert.Equal(t, whole, parts)
		assert.Equal(t, []float32{0, 0, 0}, whole[18:21], "beside the image")
		assert.Equal(t, make([]float32, 2*7*3), whole[9*7*3:], "below it")
		assert.NotContains(t, whole, float32(9))
	}
}

// The result is float32 although no input is.
func TestImagesInAGraph(t *testing.T) {
	g := NewGraph(NewParams(1), false)
	images := Apply(Preprocess{Height: 4, Width: 5}, g.Bytes("bytes", 100), g.Labels("transforms", 2, TransformRow))
	assert.Equal(t, Float32, images.DType())
	assert.Equal(t, Shape{2, 4, 5, 3}, images.Shape())
}
