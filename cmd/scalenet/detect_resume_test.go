package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/detector"
)

// resumable is a folder with the images in/01.png to in/03.png, and a function that runs detect --json --output found.jsonl on in.
func resumable(t *testing.T) (dir string, detect func(args ...string) (status int, stderr string)) {
	dir = t.TempDir()
	model := tinyModel(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "in"), 0o755))
	image, err := os.ReadFile(filepath.Join(imagesDir, "IMG_2385.png"))
	require.NoError(t, err)
	for i := range 3 {
		write(t, filepath.Join(dir, "in", fmt.Sprintf("%02d.png", i+1)), string(image))
	}
	return dir, func(args ...string) (int, string) {
		all := append([]string{"detect", "--model", model, "--threads", "1", "--json", "--output", filepath.Join(dir, "found.jsonl"), filepath.Join(dir, "in")}, args...)
		status, stdout, stderr := scalenet(all...)
		require.Empty(t, stdout)
		return status, stderr
	}
}

// A file that detect did not write stays as it is, and so does one that it did if the command fails.
func TestDetectResumeChangesNoOtherFile(t *testing.T) {
	dir, detect := resumable(t)
	found := filepath.Join(dir, "found.jsonl")
	absent := filepath.Join(dir, "absent.safetensors")
	line := fmt.Sprintf("{\"file\":%q,\"width\":1,\"height\":1,\"detections\":[]}", filepath.Join(dir, "in", "01.png"))
	for _, c := range []struct{ text, want string }{
		{`{"images": [], "annotations": []}`, `found.jsonl: is not a file that detect wrote: line 1 begins with "{\"images\": [], \"anno..." and has no end`},
		{`{"file":"x.png","mine":1}`, "is not a file that detect wrote"}, // whole, and no line of detect
		{`{"file": "x.p`, "is not a file that detect wrote"},             // detect writes no space
		{line + "\nnotes", "is not a file that detect wrote: line 2"},
		{"\x00\x00\x00", "is not a file that detect wrote"},
		{"[\n]", "line 1: this is not a line that detect wrote"},
		{"", "absent.safetensors"},
		{`{`, "absent.safetensors"},
		{line, "absent.safetensors"},
		{line + "\n" + `{"file":"x.p`, "absent.safetensors"},
	} {
		write(t, found, c.text)
		status, stderr := detect("--resume", "--model", absent)
		requireError(t, status, stderr, c.want)
		require.Equal(t, c.text, textIn(t, dir, "found.jsonl"))
	}
}

// A run goes on only with the model and the settings that it has begun with.
func TestDetectResumeSettings(t *testing.T) {
	dir, detect := resumable(t)
	broken := write(t, filepath.Join(dir, "in", "00.png"), "no image")
	found, settings := filepath.Join(dir, "found.jsonl"), filepath.Join(dir, "found.jsonl.settings")
	status, stderr := detect()
	requireError(t, status, stderr, "1 of 4 images failed")
	text, kept := textIn(t, dir, "found.jsonl"), textIn(t, dir, "found.jsonl.settings")
	m, err := detector.Load(filepath.Join(dir, "model.safetensors"))
	require.NoError(t, err)
	m.Params.All()[0].Data[0]++
	other := filepath.Join(dir, "other.safetensors")
	require.NoError(t, m.Save(other))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--model", other}, "found.jsonl: was made with the model "},
		{[]string{"--threshold", "0.9"}, "found.jsonl: was made with --threshold 0.5, now it is 0.9: give the same, or another --output"},
		{[]string{"--classes", "RBC"}, "found.jsonl: was made with --classes none, now it is RBC"},
		{[]string{"--tile", "64"}, "--tile 0, now it is 64"},
		{[]string{"--device", "ref"}, "--device cpu, now it is ref"},
	} {
		status, stderr := detect(append(c.args, "--resume")...)
		requireError(t, status, stderr, c.want)
		require.Equal(t, text, textIn(t, dir, "found.jsonl"))
	}
	for content, want := range map[string]string{"": "found.jsonl.settings: is not a file that detect wrote", "x": "is not a file that detect wrote"} {
		write(t, settings, content)
		status, stderr := detect("--resume")
		requireError(t, status, stderr, want)
	}
	require.NoError(t, os.Remove(settings))
	status, stderr = detect("--resume")
	requireError(t, status, stderr, "found.jsonl.settings: does not exist: the run that wrote "+found+" has ended")
	write(t, settings, kept)
	require.NoError(t, os.Remove(broken))
	status, stderr = detect("--resume", "--threads", "2", "--batch", "2")
	require.Zero(t, status, stderr)
	require.NoFileExists(t, settings)
	status, stderr = detect("--resume")
	require.Zero(t, status, "nothing is left: %s", stderr)
	require.Equal(t, text, textIn(t, dir, "found.jsonl"))

	// A new run replaces no file of this name.
	require.NoError(t, os.Remove(found))
	write(t, settings, "mine")
	status, stderr = detect()
	requireError(t, status, stderr, "found.jsonl.settings: already exists; --force replaces it")
}

// A file that is read is not gone on with, by whatever name, and not replaced by a drawing.
func TestDetectResumeOutputIsInput(t *testing.T) {
	dir, detect := resumable(t)
	image := filepath.Join(dir, "in", "02.png")
	before, err := os.ReadFile(image)
	require.NoError(t, err)
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(image, link))
	for _, path := range []string{image, link} {
		status, stderr := detect("--resume", "--force", "--output", path)
		requireError(t, status, stderr, "--output "+path+": is the input")
	}
	after, err := os.ReadFile(image)
	require.NoError(t, err)
	require.Equal(t, before, after)
	found := write(t, filepath.Join(dir, "02.jpg"), "")
	status, stderr := detect("--resume", "--force", "--output", found, "--out", dir)
	requireError(t, status, stderr, "and --output are both "+found)
}

// Files of others in --out that have the names of drawings stay.
func TestDetectResumeKeepsOtherDrawings(t *testing.T) {
	dir, detect := resumable(t)
	in, mine := filepath.Join(dir, "in"), filepath.Join(dir, "mine")
	require.NoError(t, os.Mkdir(mine, 0o755))
	status, stderr := detect("--shard", "0/3")
	require.Zero(t, status, stderr)
	line := textIn(t, dir, "found.jsonl")
	require.Equal(t, filepath.Join(in, "01.png"), nameIn(t, line))
	kept := map[string]string{"02.jpg": "precious", "03.jpg": "other"}
	for name, text := range kept {
		write(t, filepath.Join(mine, name), text)
	}
	status, stderr = detect("--resume", "--out", mine)
	requireError(t, status, stderr, "mine/02.jpg: already exists; --force replaces it")
	require.Equal(t, kept, contents(t, mine))
	require.Equal(t, line, textIn(t, dir, "found.jsonl"))
	status, stderr = detect("--resume", "--out", mine, "--force")
	require.Zero(t, status, stderr)
	require.Len(t, contents(t, mine), 3)
	require.NotEqual(t, kept["02.jpg"], textIn(t, mine, "02.jpg"))
}

// A run goes on also if an image before those that are done has failed. The drawing that a killed run lacks is made.
func TestDetectResumeBehindFailures(t *testing.T) {
	dir, detect := resumable(t)
	broken, drawn := write(t, filepath.Join(dir, "in", "00.png"), "no image"), filepath.Join(dir, "drawn")
	status, stderr := detect("--out", drawn)
	requireError(t, status, stderr, "1 of 4 images failed")
	lines, pictures := textIn(t, dir, "found.jsonl"), contents(t, drawn)
	require.Len(t, pictures, 3)
	for name, killed := range map[string]func(list []string) string{
		"between line and drawing": func(list []string) string { return strings.Join(list, "") },
		"in the line":              func(list []string) string { return list[0] + list[1] + list[2][:len(list[2])/2] },
		"before the line":          func(list []string) string { return list[0] + list[1] },
		"before the line end":      func(list []string) string { return strings.TrimSuffix(strings.Join(list, ""), "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			write(t, filepath.Join(dir, "found.jsonl"), killed(strings.SplitAfter(lines, "\n")[:3]))
			require.NoError(t, os.Remove(filepath.Join(drawn, "03.jpg")))
			status, stderr := detect("--out", drawn, "--resume")
			requireError(t, status, stderr, "1 of 2 images failed")
			require.Contains(t, stderr, broken)
			require.Equal(t, lines, textIn(t, dir, "found.jsonl"))
			require.Equal(t, pictures, contents(t, drawn))
		})
	}
}

// The line of an image comes before the name of its drawing, because a killed run may leave the first without the second. An image that cannot be drawn, as when
// another program has taken the name, has no line, so that it can be done again.
func TestDetectLinesBeforeDrawings(t *testing.T) {
	dir, detect := resumable(t)
	drawn := filepath.Join(dir, "drawn")
	var before []int // drawings at each line
	lines := writerFunc(func(text []byte) (int, error) {
		list, err := filepath.Glob(filepath.Join(drawn, "*.jpg"))
		require.NoError(t, err)
		if before = append(before, len(list)); len(before) == 2 {
			write(t, filepath.Join(drawn, "03.jpg"), "theirs")
		}
		return len(text), nil
	})
	var stderr strings.Builder
	args := []string{"detect", "--model", filepath.Join(dir, "model.safetensors"), "--threads", "1", "--json", "--out", drawn, filepath.Join(dir, "in")}
	require.Equal(t, 1, run(t.Context(), args, lines, &stderr))
	require.Contains(t, stderr.String(), "drawn/03.jpg: already exists")
	require.Equal(t, []int{0, 1}, before)
	require.Equal(t, "theirs", textIn(t, drawn, "03.jpg"))

	// Of a line that cannot be written no drawing is left, and the run ends.
	require.NoError(t, os.RemoveAll(drawn))
	full := writerFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC })
	stderr.Reset()
	require.Equal(t, 1, run(t.Context(), args, full, &stderr))
	require.Contains(t, stderr.String(), "no space left on device")
	require.Empty(t, contents(t, drawn))
	status, said := detect("--out", drawn)
	require.Zero(t, status, said)
	require.Len(t, contents(t, drawn), 3)
}

type writerFunc func(text []byte) (int, error)

func (w writerFunc) Write(text []byte) (int, error) { return w(text) }

// textIn is the content of a file.
func textIn(t *testing.T, dir, name string) string {
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return string(data)
}
