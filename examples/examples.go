// Package examples holds images to try a model on: blood cells of BCCD, which models/bccd.safetensors knows.
package examples

import "embed"

// Files are the images and their licence.
//
//go:embed *.jpg LICENSE.bccd
var Files embed.FS
