package recipe

import "fmt"

const (
	mosaicShare = 0.5 // probability of a mosaic
	// jitterEpochs is the length of the shortest training that gets scale jitter beside mosaics: one of 60 epochs gained by it, one of 12 lost (docs/training.md).
	jitterEpochs = 30
)

// augmentation turns on what does no harm to photographs of any kind. Flips upside down and rotation are left to the user.
func (r *Recipe) augmentation() {
	in := &r.Config.Input
	set(r, "input.flip_horizontal", &in.FlipHorizontal, true, "mirrored objects are objects; false if left and right differ, as in text")
	set(r, "input.flip_vertical", &in.FlipVertical, false, "only if asked: true for images without up and down, as from a microscope or from above")
	if r.Config.Train.Epochs >= jitterEpochs {
		set(r, "input.scale_jitter", &in.ScaleJitter, []float64{0.6, 1.5}, "objects of other sizes, in random parts of the images")
	} else {
		set(r, "input.scale_jitter", &in.ScaleJitter, []float64{}, fmt.Sprintf("beside mosaics, it helps from %d epochs", jitterEpochs))
	}
	set(r, "input.brightness", &in.Brightness, 0.3, "other light")
	set(r, "input.contrast", &in.Contrast, 0.3, "other light")
	set(r, "input.saturation", &in.Saturation, 0.3, "other cameras")
	set(r, "input.hue", &in.Hue, 0.02, "other cameras")
	set(r, "input.mosaic", &in.Mosaic, mosaicShare, "more objects, of other sizes, beside each other")
	epochs := r.Config.Train.Epochs
	first := max(1, epochs*4/5)
	last := fmt.Sprintf("%d epochs", epochs-first)
	if r.Config.Train.Budget > 0 {
		last = fmt.Sprintf("%d %% of the time", 100*(epochs-first)/epochs)
	}
	set(r, "input.mosaic_epochs", &in.MosaicEpochs, first, fmt.Sprintf("none in the last %s, so that the training ends with images as they are", last))
}
