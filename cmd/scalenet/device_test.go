package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/train"
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
	requireError(t, status, stderr, `want auto, float32, bfloat16, float16 or int8`)
	for _, c := range []struct {
		precision precision
		want      string // the type, or the error
	}{
		{precision{name: "float32"}, "f32"}, {precision{name: "bfloat16"}, "bf16"}, {precision{bf16: true}, "bf16"}, {precision{f16: true}, "f16"},
		{precision{bf16: true, f16: true}, "--bf16 and --f16: want only one of them"},
		{precision{name: "auto"}, "f32"}, {precision{name: "int8"}, "--precision int8: the model has no scales: 'scalenet quantize' writes a model that has them"},
	} {
		typ, q, err := c.precision.on(ref.New(ref.Options{}), nil)
		if err != nil {
			require.EqualError(t, err, c.want)
			continue
		}
		require.Equal(t, c.want, typ.String())
		require.Nil(t, q)
	}
}

// A quantized model computes in int8 unless another precision is asked for.
func TestPrecisionOfQuantizedModel(t *testing.T) {
	scales := &engine.Quantization{}
	for name, want := range map[string]*engine.Quantization{"auto": scales, "int8": scales, "float32": nil, "bfloat16": nil} {
		_, q, err := (&precision{name: train.Precision(name)}).on(ref.New(ref.Options{}), scales)
		require.NoError(t, err)
		require.Same(t, want, q, name)
	}
	_, _, err := (&precision{name: autoPrecision}).on(noInt8{ref.New(ref.Options{})}, scales)
	require.EqualError(t, err, "int8 is for CPUs; --precision float32 runs this quantized model in float")
}

// noInt8 is a device without kernels on bytes, such as a GPU.
type noInt8 struct{ engine.Device }

func (noInt8) Capabilities() engine.Capabilities {
	return engine.Capabilities{Int8: errors.New("int8 is for CPUs")}
}
