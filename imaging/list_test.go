package imaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestList(t *testing.T) {
	for name, c := range map[string]struct{ files, links, want string }{
		"flat":                {"b.jpg a.PNG notes.txt a.json", "", "a.PNG b.jpg"},
		"subfolders":          {"b/x.jpg a/x.jpg c.jpg", "", "a/x.jpg b/x.jpg c.jpg"},
		"hidden":              {"._a.jpg a.jpg .cache/b.jpg", "", "a.jpg"},
		"link to a file":      {"../out/x.jpg", "a.jpg>../out/x.jpg", "a.jpg"},
		"link to nothing":     {"b.jpg", "a.jpg>nowhere", "a.jpg b.jpg"}, // opening it says what is wrong
		"link to a folder":    {"b.jpg ../out/sub/x.jpg", "a>../out", "a/sub/x.jpg b.jpg"},
		"link behind a link":  {"../out/x.jpg ../more/y.jpg", "a>../out ../out/deep>../more", "a/deep/y.jpg a/x.jpg"},
		"link to itself":      {"b.jpg", "a>. c>..", "b.jpg"},
		"link to the parent":  {"b.jpg ../x.jpg", "a>..", "b.jpg"},
		"loop elsewhere":      {"b.jpg ../out/x.jpg", "a>../out ../out/loop>../out ../out/back>../in", "a/x.jpg b.jpg"},
		"two links":           {"../out/x.jpg", "a>../out b>../out", "a/x.jpg"},
		"a folder and a link": {"z/x.jpg", "a>z", "z/x.jpg"}, // its own path counts
		"named as an image":   {"../out/x.jpg", "a.jpg>../out", "a.jpg/x.jpg"},
		"a folder of images":  {"a.jpg/x.jpg", "", "a.jpg/x.jpg"},
		"nothing":             {"notes.txt", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "in")
			require.NoError(t, os.Mkdir(dir, 0o755))
			for _, file := range strings.Fields(c.files) {
				path := filepath.Join(dir, file)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, nil, 0o644))
			}
			for _, link := range strings.Fields(c.links) {
				from, to, _ := strings.Cut(link, ">")
				require.NoError(t, os.Symlink(filepath.Join(dir, filepath.Dir(from), to), filepath.Join(dir, from)))
			}
			files, err := List(dir)
			require.NoError(t, err)
			var got []string
			for _, file := range files {
				relative, err := filepath.Rel(dir, file)
				require.NoError(t, err)
				got = append(got, relative)
			}
			require.Equal(t, c.want, strings.Join(got, " "))

			linked := filepath.Join(filepath.Dir(dir), "linked")
			require.NoError(t, os.Symlink(dir, linked))
			files, err = List(linked)
			require.NoError(t, err)
			require.Len(t, files, len(got), "the folder itself may be a link")
			t.Chdir(filepath.Dir(dir))
			files, err = List("in")
			require.NoError(t, err)
			require.Len(t, files, len(got), "a relative path")
		})
	}
	_, err := List(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "none")
}

// Folders that each link twice to the next have 2^30 paths.
func TestListManyPaths(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		at, next := filepath.Join(dir, "out", string(rune('A'+i))), filepath.Join(dir, "out", string(rune('A'+i+1)))
		require.NoError(t, os.MkdirAll(at, 0o755))
		require.NoError(t, os.Symlink(next, filepath.Join(at, "a")))
		require.NoError(t, os.Symlink(next, filepath.Join(at, "b")))
	}
	last := filepath.Join(dir, "out", string(rune('A'+30)))
	require.NoError(t, os.MkdirAll(last, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(last, "x.jpg"), nil, 0o644))
	in := filepath.Join(dir, "in")
	require.NoError(t, os.Symlink(filepath.Join(dir, "out", "A"), in))
	files, err := List(in)
	require.NoError(t, err)
	require.Len(t, files, 1)
}
