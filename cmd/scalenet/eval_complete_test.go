package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/detector"
)

// saying is standard error that calls a function before it takes a text.
type saying struct {
	bytes.Buffer
	text string
	then func()
}

func (s *saying) Write(p []byte) (int, error) {
	if s.then != nil && bytes.Contains(p, []byte(s.text)) {
		s.then()
		s.then = nil
	}
	return s.Buffer.Write(p)
}

// An evaluation whose report cannot be written goes on with --resume, to the same results and the thresholds.
func TestEvalResumesToReport(t *testing.T) {
	dir := t.TempDir()
	model := included(t, dir)
	data := cellData(t, dir, model, map[string]float32{"RBC": .6, "WBC": .6})
	report, results := filepath.Join(dir, "report"), filepath.Join(dir, "results.json")
	eval := []string{"eval", "--model", model, "--data", data, "--images", exampleImages, "--choose-threshold", "f1", "--report", report, "--results", results}

	stderr := &saying{text: "images at ", then: func() { write(t, report, "in the way") }}
	require.Equal(t, 1, run(context.Background(), eval, &bytes.Buffer{}, stderr), stderr.String())
	require.Contains(t, stderr.String(), "; the detections are in "+results+".partial, --resume continues from there\n")
	require.NotContains(t, stderr.String(), "stored the thresholds")
	written, err := os.ReadFile(results)
	require.NoError(t, err)
	require.FileExists(t, results+".partial")
	status, _, said := scalenet(eval...)
	requireError(t, status, said, "results.json.partial: belongs to a stopped evaluation: continue it with --resume")

	require.NoError(t, os.Remove(report))
	status, stdout, said := scalenet(append(eval, "--resume")...)
	require.Zero(t, status, said)
	require.Contains(t, stdout, "score thresholds (f1)")
	require.NoFileExists(t, results+".partial")
	again, err := os.ReadFile(results)
	require.NoError(t, err)
	require.Equal(t, string(written), string(again))
	require.FileExists(t, filepath.Join(report, "report.html"))
	stored, err := detector.Load(model)
	require.NoError(t, err)
	require.Equal(t, "f1", stored.Thresholds.Rule)
	status, _, said = scalenet(append(eval, "--resume", "--force")...)
	requireError(t, status, said, "the evaluation is complete, nothing to resume")
}
