package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/checkpoint"
	"scalenet/detector"
)

const shipped = "../../models/bccd.safetensors"

func TestQuantizeRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	images := t.TempDir()
	there := filepath.Join(images, "there.safetensors")
	require.NoError(t, os.WriteFile(there, []byte("there"), 0o644))
	status, _, stderr := scalenet("quantize", "--model", shipped, "--data", instancesFile, "--images", images, "--out", there, "--force")
	requireError(t, status, stderr, there+": is part of the input "+images)
	out := filepath.Join(dir, "out.safetensors")
	damaged := filepath.Join(dir, "damaged.safetensors")
	data, err := os.ReadFile(shipped)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(damaged, data[:1000], 0o644))
	for name, c := range map[string]struct{ model, data, out, flag, want string }{
		"ending":        {shipped, instancesFile, filepath.Join(dir, "out.onnx"), "", "want a name that ends in .safetensors"},
		"no images":     {shipped, instancesFile, out, "--sample=0", "--sample 0: want at least 1"},
		"loss":          {shipped, instancesFile, out, "--max-loss=-0.1", "--max-loss -0.1: want a number from 0 to 1"},
		"NaN":           {shipped, instancesFile, out, "--max-loss=NaN", "--max-loss NaN"},
		"no model":      {filepath.Join(dir, "none.safetensors"), instancesFile, out, "", "none.safetensors"},
		"damaged model": {damaged, instancesFile, out, "", "damaged.safetensors"},
		"no data":       {shipped, filepath.Join(dir, "none.json"), out, "", "none.json"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"quantize", "--model", c.model, "--data", c.data, "--images", imagesDir, "--out", c.out}
			if c.flag != "" {
				args = append(args, c.flag)
			}
			status, stdout, stderr := scalenet(args...)
			requireError(t, status, stderr, c.want)
			require.Empty(t, stdout)
			require.NoFileExists(t, c.out)
		})
	}
}

// A detector of which two images choose the scales: the file is a model for detect, with other scores than in float, which --precision float32 gives. Damaged
// scales are an error.
func TestQuantizeDetector(t *testing.T) {
	bccd := sharedData(t, "bccd")
	dir := t.TempDir()
	out := filepath.Join(dir, "bccd8.safetensors")
	args := []string{"quantize", "--model", shipped, "--data", bccd, "--sample", "2", "--max-loss", "1", "--threads", "2", "--out", out}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "54 of 58 layers in int8; AP ")
	card, err := os.ReadFile(filepath.Join(dir, "bccd8.md"))
	require.NoError(t, err)
	require.Contains(t, string(card), "| layers in int8 | 54 of 58 |")
	require.Contains(t, string(card), "(predictor)")

	float, err := detector.Load(shipped)
	require.NoError(t, err)
	quantized, err := detector.Load(out)
	require.NoError(t, err)
	require.Nil(t, float.Quantization)
	require.NotEmpty(t, quantized.Quantization.Values)
	inBytes := 0
	for _, p := range float.Params.All() {
		q := quantized.Params.Get(p.Name)
		if !q.Quantized() {
			require.Equal(t, p.Data, q.Data, p.Name)
			continue
		}
		inBytes++
		require.Nil(t, q.Data, p.Name)
		for i, v := range q.Floats() {
			require.InDelta(t, p.Data[i], v, float64(slices.Max(q.Parts[0].Scales)+slices.Max(q.Parts[len(q.Parts)-1].Scales)), p.Name)
		}
	}
	require.Equal(t, 54, inBytes)
	detect := func(model string, more ...string) string {
		status, stdout, stderr := scalenet(append([]string{"detect", "--threads", "2", "--json", "--model", model, "../../examples/BloodImage_00014.jpg"}, more...)...)
		require.Zero(t, status, stderr)
		return stdout
	}
	inFloat, inInt8 := detect(shipped), detect(out)
	require.NotEqual(t, inFloat, inInt8)
	require.NotEqual(t, inInt8, detect(out, "--precision", "float32"), "in float, with the rounded weights")
	require.Equal(t, inInt8, detect(out, "--precision", "int8", "--threads", "1"), "with one thread")

	serves(t, out, "../../examples/BloodImage_00014.jpg", inInt8)

	// A file whose weights are float32, as quantize wrote until 2026-11: they are rounded as it is loaded, to the same bytes.
	former := filepath.Join(dir, "former.safetensors")
	metadata := float.Metadata()
	metadata[checkpoint.QuantizationKey] = quantized.Quantization.Text()
	require.NoError(t, checkpoint.Save(former, &checkpoint.File{Metadata: metadata, Tensors: float.Tensors()}))
	require.Equal(t, inInt8, detect(former))
	require.Equal(t, inFloat, detect(former, "--precision", "float32"))

	args[2] = out
	args[len(args)-1] = filepath.Join(dir, "again.safetensors")
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, out+": is quantized already")

	r, err := checkpoint.Open(out)
	require.NoError(t, err)
	metadata = r.Metadata()
	r.Close()
	metadata[checkpoint.QuantizationKey] = strings.Replace(metadata[checkpoint.QuantizationKey], `"scale":`, `"scale":-`, 1)
	damaged := filepath.Join(dir, "damaged.safetensors")
	require.NoError(t, checkpoint.Save(damaged, &checkpoint.File{Metadata: metadata, Tensors: quantized.Tensors()}))
	status, _, stderr = scalenet("detect", "--model", damaged, "../../examples/BloodImage_00014.jpg")
	requireError(t, status, stderr, damaged+": metadata scalenet.quantization: value ", "is not between")
}

// serves compares the answer of a server with what detect printed of the same model and image.
func serves(t *testing.T, model, image, detected string) {
	t.Helper()
	address, end := announced(t, "--model", model, "--threads", "1")
	data, err := os.ReadFile(image)
	require.NoError(t, err)
	response, err := http.Post(address+"/detect", "image/jpeg", bytes.NewReader(data))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	type detection struct {
		Class int     `json:"class_id"`
		Label string  `json:"label"`
		Score float32 `json:"score"`
		Box   any     `json:"box"` // [x1,y1,x2,y2], or an object of these
	}
	var got, want struct{ Detections []detection }
	require.NoError(t, json.NewDecoder(response.Body).Decode(&got))
	require.NoError(t, json.Unmarshal([]byte(detected), &want))
	for i, d := range got.Detections {
		sides := d.Box.(map[string]any)
		got.Detections[i].Box = []any{sides["x1"], sides["y1"], sides["x2"], sides["y2"]}
	}
	require.NotEmpty(t, want.Detections)
	require.Equal(t, want, got)
	status, log := end()
	require.Zero(t, status, log)
}

// A classifier goes through the same; what is asked of it in int8 can be more than it gives.
func TestQuantizeClassifier(t *testing.T) {
	run, train := classifierRun(t)
	model, out := filepath.Join(run, "alone", "best.safetensors"), filepath.Join(t.TempDir(), "int8.safetensors")
	data := train[3]
	status, stdout, stderr := scalenet("quantize", "--model", model, "--data", data, "--max-loss", "1", "--out", out)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "layers in int8; top-1 accuracy ")
	for _, precision := range []string{"auto", "int8", "float32"} {
		status, _, stderr = scalenet("classify", "eval", "--model", out, "--data", data, "--precision", precision)
		require.Zero(t, status, stderr)
	}
	predict := func(model string, more ...string) string {
		status, stdout, stderr := scalenet(append([]string{"classify", "predict", "--model", model, "--json", filepath.Join(data, "val")}, more...)...)
		require.Zero(t, status, stderr)
		return stdout
	}
	inInt8 := predict(out)
	require.Equal(t, inInt8, predict(out, "--precision", "int8", "--threads", "1"))
	require.NotEqual(t, inInt8, predict(model))
	status, _, stderr = scalenet("classify", "eval", "--model", model, "--data", data, "--precision", "int8")
	requireError(t, status, stderr, "--precision int8: the model has no scales")
	status, _, stderr = scalenet("quantize", "--model", model, "--data", data, "--split", "val", "--out", out+".safetensors")
	requireError(t, status, stderr, "--images and --split are for detectors")
}
