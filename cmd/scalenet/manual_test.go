package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
		page := rendered(string(text))
		for _, want := range []string{c.Short, c.UseLine(), c.Long, c.Example} {
			require.Contains(t, page, strings.Join(strings.Fields(want), " "), name)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				require.Contains(t, page, strings.Join(strings.Fields(f.Usage), " "), "%s --%s", name, f.Name)
			}
		})
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

// rendered is the text of a page with single spaces.
func rendered(page string) string {
	var words []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, ".") && !strings.HasPrefix(line, "...") {
			continue // a request
		}
		line = strings.NewReplacer(`\\`, `\`, `\&`, "", `\-`, "-", `\fB`, "", `\fP`, "", `\fR`, "").Replace(line)
		words = append(words, strings.Fields(line)...)
	}
	return strings.Join(words, " ")
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
