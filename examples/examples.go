// Package examples holds images to try a model on: blood cells of BCCD, which models/bccd.safetensors knows, and photographs, for models/everyday.safetensors.
package examples

import "embed"

// Files are the images and their licences.
//
//go:embed *.jpg LICENSE.bccd LICENSE.photographs
var Files embed.FS
