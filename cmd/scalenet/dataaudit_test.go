package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
	"scalenet/imaging"
)

func TestDataAudit(t *testing.T) {
	dir := t.TempDir()
	var gt struct {
		Annotations []struct {
			Image    int64     `json:"image_id"`
			Category int64     `json:"category_id"`
			Box      []float64 `json:"bbox"`
		} `json:"annotations"`
	}
	text, err := os.ReadFile(instancesFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &gt))
	var found []map[string]any // what a perfect model finds, and one object more
	for _, a := range gt.Annotations {
		found = append(found, map[string]any{"image_id": a.Image, "category_id": a.Category, "bbox": a.Box, "score": 0.9})
	}
	a := gt.Annotations[0]
	found = append(found, map[string]any{"image_id": a.Image, "category_id": a.Category, "bbox": []float64{2, 2, 4, 4}, "score": 0.7})
	found = append(found, map[string]any{"image_id": a.Image, "category_id": 99, "bbox": []float64{20, 2, 4, 4}, "score": 0.8}) // the model has more classes
	rows, err := json.Marshal(found)
	require.NoError(t, err)
	results, out := write(t, filepath.Join(dir, "found.json"), string(rows)), filepath.Join(dir, "audit")
	args := []string{"data", "audit", "--images", imagesDir, "--results", results, "--out", out, instancesFile}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "audit.html: 1 of 1 proposals: 1 objects probably missing, 0 labels of the wrong class, 0 loose boxes\n")
	require.Contains(t, stderr, "found.json: dropped 1 detections of categories that are no classes of "+instancesFile+"\n")
	require.FileExists(t, filepath.Join(out, "audit.json"))
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "audit.html: already exists")
	status, _, stderr = scalenet(append(args, "--force", "--results", results)...)
	requireError(t, status, stderr, "has detections in "+results+" too, but only one model can judge it")
	status, _, stderr = scalenet(append(args, "--parts", "3")...)
	requireError(t, status, stderr, "--parts is for models that the audit trains: give it without --results")
	status, _, stderr = scalenet(append(args, "--force", "--top", "-1")...)
	requireError(t, status, stderr, "--top -1: want 0 or more")
}

// Without --results, each part is judged by a model that is trained on the others. What is there is used again.
func TestDataAuditTrains(t *testing.T) {
	dir := t.TempDir()
	noise := noisyData(t, filepath.Join(dir, "noise"))
	status, settings, stderr := scalenet(append([]string{"train", "--data", noise, "--out", filepath.Join(dir, "none"), "--epochs", "1", "--print-config"}, tinySettings...)...)
	require.Zero(t, status, stderr)
	out, config := filepath.Join(dir, "audit"), write(t, filepath.Join(dir, "tiny.yaml"), settings)
	args := []string{"data", "audit", "--config", config, "--out", out, noise}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "proposals")
	require.Contains(t, stderr, "part 2 of 2: training on the other images")

	judged := map[int64]int{} // by image
	whole, err := coco.Open(noise, coco.Options{})
	require.NoError(t, err)
	for _, part := range []string{"part-1", "part-2"} {
		own, err := coco.Open(filepath.Join(out, part, "judged.json"), coco.Options{})
		require.NoError(t, err)
		others, err := coco.Open(filepath.Join(out, part, "training.json"), coco.Options{})
		require.NoError(t, err)
		require.NoError(t, coco.CheckApart(t.Context(), own, others))
		require.Len(t, whole.Images, len(own.Images)+len(others.Images))
		for i := range own.Images {
			judged[own.Images[i].ID]++
		}
		require.FileExists(t, filepath.Join(out, part, "model", "best.safetensors"))
	}
	require.Len(t, judged, len(whole.Images))

	require.NoError(t, os.Remove(filepath.Join(out, "part-2", "detections.json")))
	status, again, stderr := scalenet(append(args, "--force")...)
	require.Zero(t, status, stderr)
	require.Equal(t, stdout, again)
	require.Contains(t, stderr, "part 1 of 2: is judged already")
	require.Contains(t, stderr, "part 2 of 2: judging its images")

	status, _, stderr = scalenet(append(args, "--force", "--parts", "3")...)
	requireError(t, status, stderr, "is of an audit of other data, or with other --parts: choose another --out")
	status, _, stderr = scalenet(append(args, "--force", "--parts", "1")...)
	requireError(t, status, stderr, "--parts 1: want 2 or more")
}

// noisyData makes a data set of twelve images of noise, each with an object.
func noisyData(t *testing.T, dir string) (instances string) {
	require.NoError(t, os.Mkdir(dir, 0o755))
	random := rand.New(rand.NewPCG(1, 2))
	var images, annotations []string
	for i := range 12 {
		m := imaging.Image{W: 64, H: 64, Pix: make([]uint8, 3*64*64)}
		for j := range m.Pix {
			m.Pix[j] = uint8(random.Uint32())
		}
		name := fmt.Sprintf("%d.png", i)
		require.NoError(t, m.Save(filepath.Join(dir, name)))
		images = append(images, fmt.Sprintf(`{"id": %d, "file_name": %q, "width": 64, "height": 64}`, i+1, name))
		annotations = append(annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": [%d, 8, 32, 40], "area": 1280, "iscrowd": 0}`, i+1, i+1, i%2+1, 2*i))
	}
	return write(t, filepath.Join(dir, "instances.json"), fmt.Sprintf(`{"images": [%s], "annotations": [%s], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}`,
		strings.Join(images, ", "), strings.Join(annotations, ", ")))
}
