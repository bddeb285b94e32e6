package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/train"
)

func TestCurvesOut(t *testing.T) {
	dir, run := t.TempDir(), t.TempDir()
	write(t, filepath.Join(run, train.LogFile), `{"kind":"eval","epoch":1,"AP":0.5}`+"\n")
	for _, name := range []string{"c.jpg", "c", "c.svg"} {
		out := filepath.Join(dir, name)
		status, _, stderr := scalenet("curves", "--out", out, run)
		requireError(t, status, stderr, "--out "+out+": want a .png")
		require.NoFileExists(t, out)
	}
	status, _, stderr := scalenet("curves", "--out", filepath.Join(dir, "c.PNG"), run)
	require.Zero(t, status, stderr)
	require.FileExists(t, filepath.Join(dir, "c.PNG"))
}

// What a log says must not reach the terminal as an escape sequence.
func TestCurvesQuotesControlCharacters(t *testing.T) {
	run := t.TempDir()
	write(t, filepath.Join(run, train.LogFile), `{"kind":"eval","epoch":1,"A\u001b[31mP":0.5}`+"\n")
	status, stdout, stderr := scalenet("curves", run)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, `highest "A\x1b[31mP"`)
	require.NotContains(t, stdout, "\x1b")
	status, _, stderr = scalenet("curves", "--figure", "AP", run)
	requireError(t, status, stderr, `unknown metric "AP", want one of "A\x1b[31mP"`)
}
