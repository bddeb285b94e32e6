package main

import "testing"

func TestDeviceNames(t *testing.T) {
	for name, want := range map[string]string{
		"tpu":     `--device "tpu": want "cpu", "cuda", "cuda:N" or "ref"`,
		"cuda:":   `--device "cuda:": want "cuda:N", N being the number of a GPU from 0`,
		"cuda:-1": `--device "cuda:-1": want "cuda:N"`,
		"cuda:x":  `--device "cuda:x": want "cuda:N"`,
	} {
		status, _, stderr := scalenet("detect", "--model", "../../models/bccd.safetensors", "--device", name, "--out", t.TempDir(), picturesDir)
		requireError(t, status, stderr, want)
	}
}
