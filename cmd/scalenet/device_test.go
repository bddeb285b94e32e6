package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine/ref"
)

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

func TestFeatures(t *testing.T) {
	status, _, stderr := scalenet("detect", "--model", "../../models/bccd.safetensors", "--f16", "--out", t.TempDir(), picturesDir)
	requireError(t, status, stderr, "--f16: cpu does not compute in float16")
	for _, c := range []struct {
		features features
		want     string // the type, or the error
	}{
		{features{}, "f32"}, {features{bf16: true}, "bf16"}, {features{f16: true}, "f16"},
		{features{bf16: true, f16: true}, "--bf16 and --f16: want one of them"},
	} {
		typ, err := c.features.on(ref.New(ref.Options{}))
		if err != nil {
			require.EqualError(t, err, c.want)
			continue
		}
		require.Equal(t, c.want, typ.String())
	}
}
