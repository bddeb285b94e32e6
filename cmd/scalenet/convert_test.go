package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// runConvert runs the command alone and returns what it reports.
func runConvert(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var stderr bytes.Buffer
	command := newConvertCommand()
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetErr(&stderr)
	command.SetOut(&stderr)
	command.SetArgs(args)
	err := command.Execute()
	return stderr.String(), err
}

func TestConvertThereAndBack(t *testing.T) {
	dir := t.TempDir()
	original := "../../checkpoint/testdata/small.safetensors"
	pth, back, small := filepath.Join(dir, "a.pth"), filepath.Join(dir, "b.safetensors"), filepath.Join(dir, "c.safetensors")

	report, err := runConvert(t, original, pth)
	require.NoError(t, err)
	require.Contains(t, report, "dropped 1 metadata entries")
	report, err = runConvert(t, "--like", original, pth, back)
	require.NoError(t, err)
	require.Contains(t, report, "10 matched, 0 missing, 0 unexpected, 0 of wrong shape")
	require.Contains(t, report, "b.safetensors: 10 tensors with 35 elements, ")
	want, err := checkpoint.Load(original)
	require.NoError(t, err)
	got, err := checkpoint.Load(back)
	require.NoError(t, err)
	require.Len(t, got.Tensors, len(want.Tensors))
	for i := range want.Tensors {
		require.Equal(t, want.Tensors[i].Name, got.Tensors[i].Name)
		require.Equal(t, want.Tensors[i].Data, got.Tensors[i].Data)
	}

	_, err = runConvert(t, "--dtype", "bfloat16", original, small)
	require.NoError(t, err)
	got, err = checkpoint.Load(small)
	require.NoError(t, err)
	require.Equal(t, want.Metadata, got.Metadata)
	for _, tensor := range got.Tensors {
		require.NotEqual(t, checkpoint.F32, tensor.DType, tensor.Name)
	}
}

func TestConvertRefuses(t *testing.T) {
	dir := t.TempDir()
	original := "../../checkpoint/testdata/small.safetensors"
	kept := filepath.Join(dir, "kept.safetensors")
	require.NoError(t, os.WriteFile(kept, []byte("kept"), 0o644))
	bad := filepath.Join(dir, "bad.safetensors")
	require.NoError(t, os.WriteFile(bad, []byte("bad"), 0o644))
	other := filepath.Join(dir, "a.onnx")
	require.NoError(t, os.WriteFile(other, []byte("\x08\x07\x12\x07pytorch"), 0o644))
	for _, c := range []struct {
		want string
		args []string
	}{
		{"want .safetensors or .pth", []string{original, filepath.Join(dir, "a.onnx")}},
		{`ends in ".onnx"`, []string{other, kept}},
		{"no such file", []string{filepath.Join(dir, "none.pth"), kept}},
		{"not a safetensors file", []string{bad, kept}},
		{`--dtype: dtype "int4"`, []string{"--dtype", "int4", original, kept}},
		{"want F32, F16 or BF16", []string{"--dtype", "i64", original, kept}},
		{`is missing`, []string{"--like", original, "../../checkpoint/testdata/views.pth", kept}},
		{"OUT is missing", []string{original}},
		{kept + ": is the input", []string{"--classes", kept, original, kept}},
		{"--to torchvision takes a model: --family, --classes and --eps are for published detectors",
			[]string{"--to", "torchvision", "--classes", bad, original, kept}},
		{"--to torchvision takes a model", []string{"--to", "torchvision", "--eps", "0", original, kept}},
		{"--to torchvision takes a model", []string{"--to", "torchvision", "--family", "none", original, kept}},
	} {
		_, err := runConvert(t, append([]string{"--force"}, c.args...)...)
		require.ErrorContains(t, err, c.want)
	}
	b, err := os.ReadFile(kept)
	require.NoError(t, err)
	require.Equal(t, "kept", string(b))
}

func TestReadClasses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.txt")
	for text, want := range map[string]string{
		"\ufeffcat\r\n\r\n dog\r\n": "",
		"cat\ndog\n\ncat\n":         `: line 4: class "cat" is in line 1 already`,
		"\ufeff \n":                 ": no class names",
		"caf\xe9\n":                 ": the class names are not UTF-8",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		names, err := readClasses(path)
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, []string{"cat", "dog"}, names)
			continue
		}
		require.EqualError(t, err, path+want)
	}
}
