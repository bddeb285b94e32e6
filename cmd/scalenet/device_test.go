package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine/ref"
)

func TestDeviceNames(t *testing.T) {
	for name, want := range map[string]string{
		"tpu":     `--device "tpu": want "cpu", "cuda", "cuda:N" or "ref"`,
		"cuda:":   `--device "cuda:": want "cuda:N", with N the index of a GPU, from 0`,
		"cuda:-1": `--device "cuda:-1": want "cuda:N"`,
		"cuda:x":  `--device "cuda:x": want "cuda:N"`,
	} {
		status, _, stderr := scalenet("detect", "--model", "../../models/bccd.safetensors", "--device", name, "--out", t.TempDir(), imagesDir)
		requireError(t, status, stderr, want)
	}
}

func TestPrecision(t *testing.T) {
	status, _, stderr := scalenet("detect", "--model", "../../models/bccd.safetensors", "--f16", "--out", t.TempDir(), imagesDir)
	requireError(t, status, stderr, "--precision float16: cpu does not compute in float16")
	status, _, stderr = scalenet("detect", "--model", "../../models/bccd.safetensors", "--precision", "float", "--out", t.TempDir(), imagesDir)
	requireError(t, status, stderr, `want float32, bfloat16 or float16`)
	for _, c := range []struct {
		precision precision
		want      string // the type, or the error
	}{
		{precision{name: "float32"}, "f32"}, {precision{name: "bfloat16"}, "bf16"}, {precision{bf16: true}, "bf16"}, {precision{f16: true}, "f16"},
		{precision{bf16: true, f16: true}, "--bf16 and --f16: want only one of them"},
	} {
		typ, err := c.precision.on(ref.New(ref.Options{}))
		if err != nil {
			require.EqualError(t, err, c.want)
			continue
		}
		require.Equal(t, c.want, typ.String())
	}
}
