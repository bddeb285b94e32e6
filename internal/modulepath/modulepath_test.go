// Package modulepath tests scripts/module-path.sh.
package modulepath

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// command runs a program in a folder and returns its output.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

// A copy of the repository with another path resolves all its imports, and a module of its own requires it.
func TestModulePath(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "git", "-C", root, "rev-parse").Run(); err != nil {
		t.Skip("this is no git checkout")
	}
	copied, user := t.TempDir(), t.TempDir()
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	command(t, absolute, "sh", "-c", "git ls-files -z ':!models' ':!docs/images' ':!docs/runs' | xargs -0 cp --parents -t '"+copied+"'")
	command(t, copied, "git", "init", "-q")
	command(t, copied, "git", "add", ".")
	refused := exec.CommandContext(t.Context(), filepath.Join(copied, "scripts", "module-path.sh"), "no path")
	require.Error(t, refused.Run())

	const path = "example.com/me/scalenet"
	require.Contains(t, command(t, copied, "scripts/module-path.sh", path), "module "+path)
	require.Contains(t, command(t, copied, "scripts/module-path.sh", path), "", "once more changes nothing")
	require.Empty(t, command(t, copied, "sh", "-c", `git ls-files '*.go' | xargs grep -l '"scalenet/' || true`))
	require.Contains(t, command(t, copied, "go", "list", "./..."), path+"/detector")

	for name, text := range map[string]string{
		"go.mod": "module example.com/user\n\ngo 1.26\n\nrequire " + path + " v1.0.0\n\nreplace " + path + " => " + copied + "\n",
		"main.go": `package main

import (
	"fmt"

	"` + path + `/geom"
)

func main() { fmt.Println(geom.Box{X2: 2, Y2: 3}.Scale(2, 1)) }
`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(user, name), []byte(text), 0o600))
	}
	require.Equal(t, "{0 0 4 3}\n", command(t, user, "go", "run", "."))
}
