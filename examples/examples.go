// Package examples holds pictures to try a model on: blood cells of BCCD, which models/bccd.safetensors knows.
package examples

import "embed"

// Files are the pictures and their licence.
//
//go:embed *.jpg LICENSE.bccd
var Files embed.FS
