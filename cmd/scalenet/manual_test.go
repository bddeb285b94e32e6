package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

func TestManual(t *testing.T) {
	share := t.TempDir()
	status, stdout, stderr := scalenet("manual", "--date", "2026-01-31", share)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout)

	// Every command that the help shows has a page.
	root := newRootCommand()
	var pages func(c *cobra.Command, name string)
	pages = func(c *cobra.Command, name string) {
		text, err := os.ReadFile(filepath.Join(share, "man", "man1", name+".1"))
		require.NoError(t, err)
		require.Contains(t, string(text), "Jan 2026")
		require.Contains(t, string(text), c.Short)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				pages(sub, name+"-"+sub.Name())
			}
		}
	}
	pages(root, "scalenet")
	require.NoFileExists(t, filepath.Join(share, "man", "man1", "scalenet-manual.1"))

	for _, path := range []string{"bash-completion/completions/scalenet", "zsh/vendor-completions/_scalenet", "fish/vendor_completions.d/scalenet.fish"} {
		text, err := os.ReadFile(filepath.Join(share, path))
		require.NoError(t, err)
		require.Contains(t, string(text), "scalenet")
	}
}

func TestManualErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"manual"}, "DIR is missing"},
		{[]string{"manual", "--date", "yesterday", t.TempDir()}, `--date "yesterday": want a day such as 2026-01-31`},
		{[]string{"manual", file}, file},
	} {
		status, _, stderr := scalenet(c.args...)
		require.Equal(t, 1, status)
		require.Contains(t, stderr, c.want)
	}
}
