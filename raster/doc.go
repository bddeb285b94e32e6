// Package raster computes the rows of a model input from the bytes of a decoded image: normalisation and bilinear resizing in float32, in plain Go on
// slices. Package imaging and the operation nn.Preprocess share this definition, so that preprocessing on the host and on a device agree.
package raster
