// Package raster makes the rows of a network's input of the bytes of an image: normalised, resized bilinearly in float32. It is the
// definition that package imaging, which decodes images, and nn.Preprocess, the operation that devices compute, have in common; plain Go on
// slices, without a library.
package raster
