package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/server"
)

// clientResults is what testdata/clients.py prints. A row of a detection is
// label, score, x1, y1, x2, y2, and with tritonclient the class's id.
type clientResults struct {
	DeepStack, CodeProject, Triton map[string]json.RawMessage
}

// testServeClients runs clients that others wrote for other servers. The test is
// skipped where scripts/pypi.sh (make test) did not run.
func testServeClients(t *testing.T, program string) {
	modules, err := filepath.Abs(filepath.Join("..", "..", "build", "clients"))
	require.NoError(t, err)
	if found, err := filepath.Glob(filepath.Join(modules, "complete-*")); err != nil || len(found) == 0 {
		t.Skip("clients not found in build/clients: scripts/pypi.sh puts them there")
	}
	const image, threshold, low, most = "../../examples/BloodImage_00014.jpg", 0.3, 0.0, 10
	c := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--model", "cells=../../models/bccd.safetensors", "--model", "../../models/cards.safetensors",
		"--deepstack-label", "RBC=person", "--deepstack-label", "Platelets=", "--deepstack-max", fmt.Sprint(most))
	var log bytes.Buffer
	c.Stderr = &log
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	defer func() {
		c.Process.Kill()
		c.Wait()
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, &log)
	_, address, _ := strings.Cut(strings.TrimSpace(line), " at http://")

	p := exec.Command("python3", "testdata/clients.py", address, image, "cells", fmt.Sprint(threshold), "cards", fmt.Sprint(low))
	p.Env = append(os.Environ(), "PYTHONPATH="+modules, "PYTHONDONTWRITEBYTECODE=1", "MPLCONFIGDIR="+t.TempDir(), "NO_PROXY=127.0.0.1")
	var complaints bytes.Buffer
	p.Stderr = &complaints
	out, err := p.Output()
	require.NoError(t, err, "%s\n%s", &complaints, &log)
	var got clientResults
	require.NoError(t, json.Unmarshal(out, &got))

	detect := func(query string) server.DetectResponse {
		file, err := os.Open(image)
		require.NoError(t, err)
		defer file.Close()
		a, err := http.Post("http://"+address+"/detect?"+query, "image/jpeg", file)
		require.NoError(t, err)
		defer a.Body.Close()
		require.Equal(t, http.StatusOK, a.StatusCode)
		var answer server.DetectResponse
		require.NoError(t, json.NewDecoder(a.Body).Decode(&answer))
		return answer
	}
	cells, cards := detect(fmt.Sprintf("threshold=%v", threshold)), detect(fmt.Sprintf("model=cards&threshold=%v", low))
	require.Greater(t, len(cells.Detections), most)
	require.NotEmpty(t, cards.Detections)

	wholePixels := func(a server.DetectResponse) (rows [][]any) {
		labels := map[string]string{"RBC": "person", "Platelets": ""}
		for _, d := range a.Detections {
			label, mapped := labels[d.Label]
			if !mapped {
				label = d.Label
			}
			if label == "" || len(rows) == most {
				continue
			}
			row := []any{label, d.Score}
			for _, v := range []float32{d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2} {
				row = append(row, int(math.Round(float64(v))))
			}
			rows = append(rows, row)
		}
		return rows
	}
	sameRows(t, wholePixels(cells), got.DeepStack, "file", "bytes")
	sameRows(t, wholePixels(cards), got.DeepStack, "custom")
	sameRows(t, wholePixels(cells), got.CodeProject, "detect")
	sameRows(t, wholePixels(cards), got.CodeProject, "custom")
	var rows [][]any
	for _, d := range cells.Detections {
		rows = append(rows, []any{d.Label, d.Score, d.Box.X1, d.Box.Y1, d.Box.X2, d.Box.Y2, d.ClassID})
	}
	sameRows(t, rows, got.Triton, "file", "version", "file, answered in JSON", "gzip", "deflate", "async")
	assert.JSONEq(t, string(got.Triton["png"]), string(got.Triton["pixels"]))
	assert.JSONEq(t, string(got.Triton["png"]), string(got.Triton["pixels, batch"]))
	assert.JSONEq(t, string(got.Triton["small png"]), string(got.Triton["small pixels in JSON"]))

	for what, c := range map[string]struct {
		got  json.RawMessage
		want string
	}{
		"live":        {got.Triton["live"], `true`},
		"ready":       {got.Triton["ready"], `true`},
		"model ready": {got.Triton["model ready"], `[true, true, false]`},
		"only scores": {got.Triton["only scores"], `["mine", ["scores"], 2]`},
		"none":        {got.Triton["none"], `[[0, 4], [0], [0], [0]]`},
	} {
		assert.JSONEq(t, c.want, string(c.got), what)
	}
	var about struct{ Name, Version string }
	require.NoError(t, json.Unmarshal(got.Triton["server"], &about))
	assert.Equal(t, "scalenet", about.Name)
	assert.NotEmpty(t, about.Version)
	for what, c := range map[string]struct {
		got  json.RawMessage
		want string
	}{
		"deepstack, no image":   {got.DeepStack["no image"], "Exception: Invalid image"},
		"deepstack, truncated":  {got.DeepStack["truncated"], "Exception: Invalid image"},
		"deepstack, no model":   {got.DeepStack["no model"], "Exception: Unknown error : 404 occured"},
		"codeproject, no image": {got.CodeProject["no image"], "CodeProjectAIException: CodeProject.AI Server error: 400"},
		"codeproject, no model": {got.CodeProject["no model"], "CodeProjectAIException: Bad url supplied"},
		"triton, no image":      {got.Triton["no image"], "InferenceServerException: [415] unsupported image"},
		"triton, no model":      {got.Triton["no model"], `InferenceServerException: [404] there is no model "nothing"`},
		"triton, other input":   {got.Triton["other input"], `InferenceServerException: [400] want one input, "image"`},
	} {
		var message string
		require.NoError(t, json.Unmarshal(c.got, &message), what)
		assert.Contains(t, message, c.want, what)
	}
}

// sameRows compares what clients returned, numbers as float32 has them.
func sameRows(t *testing.T, want [][]any, got map[string]json.RawMessage, names ...string) {
	t.Helper()
	for _, name := range names {
		var rows [][]any
		require.NoError(t, json.Unmarshal(got[name], &rows), name)
		require.Len(t, rows, len(want), name)
		for i, row := range rows {
			require.Len(t, row, len(want[i]))
			for j, v := range row {
				if number, ok := v.(float64); ok {
					v = float32(number)
				}
				assert.EqualValues(t, want[i][j], v, "%s: row %d, column %d", name, i, j)
			}
		}
	}
}
