package recipe

// augmentation turns on what does no harm to photographs of any kind. Flips upside down, rotation and mosaics are left to the user.
func (r *Recipe) augmentation() {
	in := &r.Config.Input
	set(r, "input.flip_horizontal", &in.FlipHorizontal, true, "mirrored objects are objects; false if left and right differ, as in text")
	set(r, "input.flip_vertical", &in.FlipVertical, false, "only if asked: true for images without up and down, as from a microscope or from above")
	set(r, "input.scale_jitter", &in.ScaleJitter, []float64{0.6, 1.5}, "objects of other sizes, in random parts of the images")
	set(r, "input.brightness", &in.Brightness, 0.3, "other light")
	set(r, "input.contrast", &in.Contrast, 0.3, "other light")
	set(r, "input.saturation", &in.Saturation, 0.3, "other cameras")
	set(r, "input.hue", &in.Hue, 0.02, "other cameras")
}
