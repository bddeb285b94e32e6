package recipe

// augmentation sets the augmentations that helped on small sets of photographs; see
// docs/training.md for the measurements.
func (r *Recipe) augmentation(Look) {
	in := &r.Config.Input
	set(r, "input.flip_horizontal", &in.FlipHorizontal, true, "mirrored objects are objects; false if left and right differ, as in text")
	set(r, "input.flip_vertical", &in.FlipVertical, false, "only if asked: true for images without up and down, as from a microscope or from above")
	set(r, "input.brightness", &in.Brightness, 0.2, "other light")
}
