// Package packaging has no code: its tests check what scripts/release.sh makes packages with, on a small tree.
package packaging

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// tool returns the path of a program, or skips the test.
func tool(t *testing.T, name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip(err)
	}
	return path
}

// tree is what a package holds, with a script as the program.
func tree(t *testing.T) string {
	root := t.TempDir()
	for path, text := range map[string]string{
		"bin/scalenet":                  "#!/bin/sh\necho \"$@\"\necho problem >&2\nexit 3\n",
		"lib/scalenet/libdnnl.so.2":     "library",
		"share/doc/scalenet/copyright":  "licences",
		"share/man/man1/scalenet.1.gz":  "page",
		"share/scalenet/README.md":      "read me",
		"share/scalenet/models/bccd.md": "card",
	} {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	require.NoError(t, os.Chmod(filepath.Join(root, "bin", "scalenet"), 0o755))
	return root
}

// wheel runs wheel.py and returns the wheel's path, or what it prints on standard error.
func wheel(t *testing.T, root, version string) (path, problem string) {
	c := exec.Command(tool(t, "python3"), "wheel.py", "--tree", root, "--version", version, "--date", "1767225600", "--out", t.TempDir())
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		require.Empty(t, out)
	}
	return strings.TrimSpace(string(out)), stderr.String()
}

func TestWheel(t *testing.T) {
	root := tree(t)
	path, problem := wheel(t, root, "1.2.0rc1+3.gabc")
	require.Empty(t, problem)
	require.Equal(t, "scalenet_detector-1.2.0rc1+3.gabc-py3-none-manylinux_2_35_x86_64.whl", filepath.Base(path))
	contents := unzipped(t, path)
	const base = "scalenet_detector-1.2.0rc1+3.gabc"
	require.Equal(t, "library", contents[base+".data/data/lib/scalenet/libdnnl.so.2"])
	require.Equal(t, "licences", contents[base+".dist-info/licenses/copyright"])
	require.Contains(t, contents[base+".dist-info/METADATA"], "\nName: scalenet-detector\nVersion: 1.2.0rc1+3.gabc\n")
	require.Contains(t, contents[base+".dist-info/WHEEL"], "\nTag: py3-none-manylinux_2_35_x86_64\n")

	// RECORD has every file with its hash and size, itself without.
	rows, err := csv.NewReader(strings.NewReader(contents[base+".dist-info/RECORD"])).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, len(contents))
	for _, row := range rows {
		text, found := contents[row[0]]
		require.True(t, found, row[0])
		if strings.HasSuffix(row[0], "/RECORD") {
			require.Equal(t, []string{"", ""}, row[1:])
			continue
		}
		sum := sha256.Sum256([]byte(text))
		require.Equal(t, []string{"sha256=" + base64.RawURLEncoding.EncodeToString(sum[:]), fmt.Sprint(len(text))}, row[1:], row[0])
	}

	again, _ := wheel(t, root, "1.2.0rc1+3.gabc")
	first, err := os.ReadFile(path)
	require.NoError(t, err)
	second, err := os.ReadFile(again)
	require.NoError(t, err)
	require.True(t, string(first) == string(second), "the wheel is not reproducible")
}

func unzipped(t *testing.T, path string) map[string]string {
	archive, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer archive.Close()
	contents := map[string]string{}
	for _, f := range archive.File {
		require.Equal(t, strings.HasSuffix(f.Name, "/scripts/scalenet"), f.Mode()&0o111 != 0, f.Name)
		from, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(from)
		require.NoError(t, err)
		contents[f.Name] = string(text)
	}
	return contents
}

// pip installs the wheel, the program has its arguments, status and streams, and uninstalling leaves nothing.
func TestWheelInEnvironment(t *testing.T) {
	path, _ := wheel(t, tree(t), "1.2.0")
	venv := filepath.Join(t.TempDir(), "venv")
	if out, err := exec.Command(tool(t, "python3"), "-m", "venv", venv).CombinedOutput(); err != nil {
		t.Skipf("no virtual environments here: %s", out)
	}
	pip := filepath.Join(venv, "bin", "pip")
	out, err := exec.Command(pip, "install", "--no-index", "--disable-pip-version-check", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.FileExists(t, filepath.Join(venv, "lib", "scalenet", "libdnnl.so.2"))
	require.FileExists(t, filepath.Join(venv, "share", "scalenet", "models", "bccd.md"))

	var stdout, stderr strings.Builder
	program := exec.Command(filepath.Join(venv, "bin", "scalenet"), "detect", "a b")
	program.Stdout, program.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	require.ErrorAs(t, program.Run(), &exit)
	require.Equal(t, 3, exit.ExitCode())
	require.Equal(t, "detect a b\n", stdout.String())
	require.Equal(t, "problem\n", stderr.String())

	out, err = exec.Command(pip, "uninstall", "--yes", "--disable-pip-version-check", "scalenet-detector").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoDirExists(t, filepath.Join(venv, "lib", "scalenet"))
	require.NoDirExists(t, filepath.Join(venv, "share", "scalenet"))
}

func TestWheelErrors(t *testing.T) {
	linked := tree(t)
	require.NoError(t, os.Symlink("libdnnl.so.2", filepath.Join(linked, "lib", "scalenet", "libdnnl.so")))
	for _, c := range []struct{ root, version, want string }{
		{tree(t), "1.2.0~rc1", "--version '1.2.0~rc1': is not a version of PEP 440"},
		{tree(t), "", "--version '': is not a version"},
		{t.TempDir(), "1.2.0", "has no bin/scalenet"},
		{linked, "1.2.0", "libdnnl.so: is a link"},
	} {
		path, problem := wheel(t, c.root, c.version)
		require.Empty(t, path)
		require.Contains(t, problem, c.want)
		require.NotContains(t, problem, "Traceback")
	}
}

// The Debian package depends only on what every system has.
func TestDebianPackage(t *testing.T) {
	text, err := os.ReadFile("nfpm.yaml")
	require.NoError(t, err)
	var config struct {
		Name     string
		Depends  []string
		Contents []struct {
			Source string `yaml:"src"`
			To     string `yaml:"dst"`
			Expand bool
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	require.Equal(t, "scalenet", config.Name)
	for _, need := range config.Depends {
		name, _, _ := strings.Cut(need, " ")
		require.Contains(t, []string{"libc6", "libstdc++6", "libgcc-s1"}, name)
	}
	for _, c := range config.Contents {
		require.True(t, c.Expand, c.Source)
		require.True(t, strings.HasPrefix(c.To, "/usr/"), c.To)
	}
}

// limits.sh finds a missing library and a package that is too large.
func TestLimits(t *testing.T) {
	tool(t, "objdump")
	root, packages := tree(t), t.TempDir()
	for _, name := range []string{"a.tar.gz", "a.deb", "a.whl"} {
		require.NoError(t, os.WriteFile(filepath.Join(packages, name), nil, 0o644))
	}
	put := func(from, to string) {
		data, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, to), data, 0o755))
	}
	put("/bin/true", "bin/scalenet")
	require.NoError(t, os.Remove(filepath.Join(root, "lib", "scalenet", "libdnnl.so.2")))
	check := func() (string, error) {
		out, err := exec.Command("bash", "limits.sh", root, packages).CombinedOutput()
		return string(out), err
	}
	out, err := check()
	require.NoError(t, err, out)

	git := tool(t, "git") // a program that needs more than the C library
	put(git, "bin/scalenet")
	out, err = check()
	require.Error(t, err)
	require.Contains(t, out, "which is not in the package")

	put("/bin/true", "bin/scalenet")
	require.NoError(t, os.Truncate(filepath.Join(packages, "a.whl"), 60_000_001))
	out, err = check()
	require.Error(t, err)
	require.Contains(t, out, "a.whl has 60000001 bytes, at most 60000000")
}
