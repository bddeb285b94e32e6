package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
	rows, err := json.Marshal(found)
	require.NoError(t, err)
	results, out := write(t, filepath.Join(dir, "found.json"), string(rows)), filepath.Join(dir, "audit")
	args := []string{"data", "audit", "--images", imagesDir, "--results", results, "--out", out, instancesFile}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "audit.html: 1 of 1 proposals: 1 objects probably missing, 0 labels of the wrong class, 0 loose boxes\n")
	require.FileExists(t, filepath.Join(out, "audit.json"))
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "audit.html: already exists")
	status, _, stderr = scalenet(append(args, "--force", "--results", results)...)
	requireError(t, status, stderr, "has detections in "+results+" too, but only one model can judge it")
	status, _, stderr = scalenet("data", "audit", "--images", imagesDir, "--out", out, instancesFile)
	requireError(t, status, stderr, "--results")
	status, _, stderr = scalenet(append(args, "--force", "--top", "-1")...)
	requireError(t, status, stderr, "--top -1: want 0 or more")
}
