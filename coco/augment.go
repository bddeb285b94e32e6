package coco

import (
	"fmt"
	"math"
	"math/rand/v2"

	"scalenet/imaging"
	"scalenet/internal/prefetch"
)

// checkAugmentation returns an error if a field of the augmentation is out of range.
func (c *LoaderConfig) checkAugmentation() error {
	for _, f := range [...]struct {
		name  string
		value float64
		ok    bool
		want  string
	}{
		{"Brightness", c.Brightness, c.Brightness >= 0 && c.Brightness < 1, "at least 0 and below 1"},
		{"Contrast", c.Contrast, c.Contrast >= 0 && c.Contrast < 1, "at least 0 and below 1"},
		{"Saturation", c.Saturation, c.Saturation >= 0 && c.Saturation < 1, "at least 0 and below 1"},
		{"Hue", c.Hue, c.Hue >= 0 && c.Hue <= 0.5, "0 to 0.5"},
		{"Rotation", c.Rotation, c.Rotation >= 0 && c.Rotation <= 180, "0 to 180"},
		{"Mosaic", c.Mosaic, c.Mosaic >= 0 && c.Mosaic <= 1, "0 to 1"},
		{"MosaicEpochs", float64(c.MosaicEpochs), c.MosaicEpochs >= 0, "at least 0"},
		{"RepeatThreshold", c.RepeatThreshold, c.RepeatThreshold >= 0 && c.RepeatThreshold <= 1, "0 to 1"},
	} {
		if !f.ok {
			return fmt.Errorf("loader: %s is %v, want %s", f.name, f.value, f.want)
		}
	}
	if j := c.ScaleJitter; j != [2]float64{} && !(j[0] > 0 && j[0] <= j[1] && j[1] <= math.MaxInt32) {
		return fmt.Errorf("loader: ScaleJitter is %v, want the lowest factor, above 0, and then the highest", j)
	}
	return nil
}

// augments reports whether pictures are changed otherwise than by flips and brightness. Those two alone keep the pixels that they had before there was
// more: resized in float32, not in bytes.
func (c *LoaderConfig) augments() bool {
	return c.Contrast > 0 || c.Saturation > 0 || c.Hue > 0 || c.Rotation > 0 || c.Mosaic > 0 || c.ScaleJitter != [2]float64{}
}

// augmentation is the random augmentation of one picture.
type augmentation struct {
	flipX, flipY bool
	colours      imaging.Adjustment
	degrees      float64    // of a rotation counterclockwise
	scale        float64    // factor of the resized sides
	mosaic       bool       // the picture is the first of four
	random       *rand.Rand // for crops and for the rest of a mosaic
}

// draw depends only on the seed, the epoch and the place in the epoch. Every number is drawn, needed or not, so that one setting does not change the
// draws of another.
func (c *LoaderConfig) draw(epoch, place int) augmentation {
	random := prefetch.Rand(c.Seed, epoch, place)
	around := func(middle, most float64) float64 { return middle + most*(2*random.Float64()-1) }
	flipX, flipY := random.Float64() < 0.5, random.Float64() < 0.5
	a := augmentation{flipX: c.FlipHorizontal && flipX, flipY: c.FlipVertical && flipY, scale: 1, random: random}
	a.colours.Brightness = around(1, c.Brightness)
	a.colours.Contrast = around(1, c.Contrast)
	a.colours.Saturation = around(1, c.Saturation)
	a.colours.Hue = around(0, c.Hue)
	a.degrees = around(0, c.Rotation)
	if u := random.Float64(); c.ScaleJitter[0] > 0 {
		a.scale = c.ScaleJitter[0] + (c.ScaleJitter[1]-c.ScaleJitter[0])*u
	}
	a.mosaic = random.Float64() < c.Mosaic && (c.MosaicEpochs == 0 || epoch < c.MosaicEpochs) && !c.mosaicsEnded
	return a
}

// otherPlace is the place for draw of picture k, 1 to 3, of the mosaic at a place. It is negative and not -1, which is the order of the epoch.
func otherPlace(place, k int) int { return -1 - 3*place - k }
