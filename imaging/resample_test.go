package imaging

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// resampled is a case of testdata/resample.py: rgb.png by Pillow and torchvision.
type resampled struct {
	What   string
	Crop   [4]int
	Size   [2]int
	Factor float64
	RGB    []byte
}

func TestResampleEqualsPillow(t *testing.T) {
	var golden []resampled
	readJSON(t, "resampled.json", &golden)
	image := load(t, "rgb.png")
	kinds := map[string]int{}
	for _, g := range golden {
		kinds[g.What]++
		var got *Image
		tolerance := 1 // torchvision truncates where we round
		switch g.What {
		case "resample":
			got, tolerance = image.Crop(g.Crop[0], g.Crop[1], g.Crop[2], g.Crop[3]).Resample(g.Size[0], g.Size[1]), 0
		case "contrast":
			got = image.Contrast(g.Factor)
		case "saturation":
			got = image.Saturation(g.Factor)
		case "brightness":
			got = image.Brightness(g.Factor)
		}
		name := fmt.Sprintf("%s %v %v %v", g.What, g.Crop, g.Size, g.Factor)
		require.Len(t, got.Pix, len(g.RGB), name)
		for i := 0; i < len(g.RGB); i += 3 {
			for c := range 3 {
				require.InDelta(t, int(g.RGB[i+c]), int(got.Pix[i+2-c]), float64(tolerance), "%s: value %d", name, i+c)
			}
		}
	}
	require.Equal(t, map[string]int{"resample": 28, "contrast": 5, "saturation": 5, "brightness": 5}, kinds)
}

func TestCropOutside(t *testing.T) {
	m := New(4, 3)
	for _, r := range [][4]int{{-1, 0, 1, 1}, {0, -1, 1, 1}, {0, 0, 5, 1}, {0, 0, 1, 4}, {4, 0, 1, 1}, {0, 0, 0, 1}} {
		require.Panics(t, func() { m.Crop(r[0], r[1], r[2], r[3]) }, "%v", r)
	}
	require.Equal(t, []uint8{0, 0, 0}, m.Crop(3, 2, 1, 1).Pix)
}
