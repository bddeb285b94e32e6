package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

func TestExport(t *testing.T) {
	dir := t.TempDir()
	model, out := tinyModel(t, dir), filepath.Join(dir, "tiny.onnx")
	status, stdout, stderr := scalenet("export", "--model", model, "--onnx", out)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "tiny.onnx: ")
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(data), `["RBC","WBC","Platelets","king"]`)

	status, _, stderr = scalenet("export", "--model", model, "--onnx", out)
	requireError(t, status, stderr, "tiny.onnx: already exists; --force replaces it")
	status, _, stderr = scalenet("export", "--model", model, "--onnx", out, "--size", "48/96", "--force")
	require.Zero(t, status, stderr)
}

func TestExportErrors(t *testing.T) {
	dir := t.TempDir()
	model, out := tinyModel(t, dir), filepath.Join(dir, "out.onnx")
	weights := filepath.Join(dir, "weights.safetensors")
	require.NoError(t, checkpoint.Save(weights, &checkpoint.File{Tensors: []checkpoint.Tensor{checkpoint.Float32Tensor("x", []int{1}, []float32{1})}}))
	for name, v := range map[string]struct{ args, want []string }{
		"no model":         {[]string{"--onnx", out}, []string{"--model"}},
		"no output":        {[]string{"--model", model}, []string{"--onnx"}},
		"missing file":     {[]string{"--model", filepath.Join(dir, "none.safetensors"), "--onnx", out}, []string{"none.safetensors: no such file"}},
		"not a model":      {[]string{"--model", weights, "--onnx", out}, []string{"weights.safetensors: neither a detector nor a classifier"}},
		"other extension":  {[]string{"--model", model, "--onnx", filepath.Join(dir, "out.pb")}, []string{"out.pb", `".pb", want .onnx`}},
		"the model itself": {[]string{"--model", model, "--onnx", model, "--force"}, []string{"model.safetensors"}},
		"unknown folder":   {[]string{"--model", model, "--onnx", filepath.Join(dir, "no", "out.onnx")}, []string{"no does not exist"}},
		"size":             {[]string{"--model", model, "--onnx", out, "--size", "x"}, []string{`--size "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, stderr := scalenet(append([]string{"export"}, v.args...)...)
			requireError(t, status, stderr, v.want...)
			require.NoFileExists(t, out)
		})
	}
}
