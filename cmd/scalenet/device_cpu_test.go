//go:build !gpu

package main

import "testing"

func TestProgramWithoutGPUSaysWhereTheOtherIs(t *testing.T) {
	status, _, stderr := scalenet("detect", "--model", "../../models/bccd.safetensors", "--device", "cuda:1", "--out", t.TempDir(), imagesDir)
	requireError(t, status, stderr, "make build-cuda in the repository builds bin/scalenet-cuda")
}
