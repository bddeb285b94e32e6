package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/coco"
	"scalenet/detector"
	"scalenet/internal/config"
	"scalenet/internal/video"
)

// detectIn runs detect with an untrained model on the test images, in a folder of its own.
func detectIn(t *testing.T, args ...string) (dir, stdout, stderr string) {
	dir = t.TempDir()
	model := tinyModel(t, dir)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", dir)
	}
	status, stdout, stderr := scalenet(append([]string{"detect", "--model", model, "--threshold", "0", "--threads", "1"}, args...)...)
	require.Zero(t, status, stderr)
	return dir, stdout, stderr
}

// Each format has the same objects.
func TestDetectFormats(t *testing.T) {
	_, stdout, _ := detectIn(t, "--json", imagesDir)
	objects := 0
	for line := range strings.Lines(stdout) {
		var image detectedImage
		require.NoError(t, json.Unmarshal([]byte(line), &image))
		objects += len(image.Detections)
	}
	require.Positive(t, objects)

	dir, stdout, stderr := detectIn(t, "--format", "csv", "--output", "DIR/found.csv", imagesDir)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "4 images")
	require.Equal(t, objects+1, strings.Count(contents(t, dir)["found.csv"], "\n"))

	dir, _, _ = detectIn(t, "--format", "coco", "--output", "DIR/found.json", "--ids", instancesFile, imagesDir)
	found, err := coco.ReadResults(filepath.Join(dir, "found.json"))
	require.NoError(t, err)
	require.Equal(t, objects, found.Len())
	status, _, stderr := scalenet("coco", "eval", "--gt", instancesFile, "--dt", filepath.Join(dir, "found.json"))
	require.Zero(t, status, stderr)

	dir, _, _ = detectIn(t, "--format", "yolo", "--out", "DIR/yolo", imagesDir)
	require.NoDirExists(t, filepath.Join(dir, "yolo", "images"), "no images are drawn")
	labels, err := filepath.Glob(filepath.Join(dir, "yolo", "labels", "*.txt"))
	require.NoError(t, err)
	require.Len(t, labels, 4)

	dir, _, _ = detectIn(t, "--format", "voc", "--out", "DIR/voc", "--draw", "boxes", imagesDir)
	drawn, err := filepath.Glob(filepath.Join(dir, "voc", "*.jpg"))
	require.NoError(t, err)
	require.Len(t, drawn, 4)
	require.DirExists(t, filepath.Join(dir, "voc", "Annotations"))
}

func TestDetectCropsAndChoice(t *testing.T) {
	dir, stdout, _ := detectIn(t, "--json", "--crops", "DIR/crops", "--classes", "RBC,king", "--max", "2", imagesDir)
	objects := 0
	for line := range strings.Lines(stdout) {
		var image detectedImage
		require.NoError(t, json.Unmarshal([]byte(line), &image))
		require.LessOrEqual(t, len(image.Detections), 2)
		for _, x := range image.Detections {
			require.Contains(t, []string{"RBC", "king"}, x.Label)
		}
		objects += len(image.Detections)
	}
	crops, err := filepath.Glob(filepath.Join(dir, "crops", "*", "*.jpg"))
	require.NoError(t, err)
	require.Len(t, crops, objects)
}

// A picture that is smaller than a tile has the detections that it has without tiles.
func TestDetectTiled(t *testing.T) {
	_, whole, _ := detectIn(t, "--json", imagesDir)
	_, one, _ := detectIn(t, "--json", "--tile", "4096", imagesDir)
	require.Equal(t, whole, one)
	_, tiled, _ := detectIn(t, "--json", "--tile", "64", imagesDir)
	require.NotEqual(t, whole, tiled)
	_, mirrored, _ := detectIn(t, "--json", "--tta", "flip,0.8", imagesDir)
	require.NotEqual(t, whole, mirrored)
}

// The model's limit is one of each tile. The whole has only the limit that --max gives, and a picture of one tile has that of the model.
func TestDetectTiledLimit(t *testing.T) {
	const limit = 3
	dir := t.TempDir()
	c, err := detector.Presets().Get("default")
	require.NoError(t, err)
	require.NoError(t, config.Merge(&c, []byte(tinyConfig), "tiny"))
	c.RoI.Detections.PerImage = limit
	m, err := detector.New(c, []string{"RBC", "WBC", "Platelets", "king"}, 1)
	require.NoError(t, err)
	model := filepath.Join(dir, "model.safetensors")
	require.NoError(t, m.Save(model))
	found := func(args ...string) int {
		args = append([]string{"detect", "--model", model, "--threshold", "0", "--threads", "1", "--json", filepath.Join(imagesDir, "IMG_2385.png")}, args...)
		status, stdout, stderr := scalenet(args...)
		require.Zero(t, status, stderr)
		return len(lines(t, stdout)[0].Detections)
	}
	require.Equal(t, limit, found())
	require.Greater(t, found("--tile", "64"), limit)
	require.Equal(t, limit+1, found("--tile", "64", "--max", strconv.Itoa(limit+1)))
	require.Equal(t, 1, found("--tile", "64", "--max", "1"))
	require.Equal(t, limit, found("--tile", "4096"))
	require.Equal(t, limit, found("--tile", "4096", "--classes", "WBC"))
}

// Each source has tracks of its own, and a line with its counts.
func TestDetectTracks(t *testing.T) {
	if video.Check() != nil {
		t.Skip("ffmpeg not found")
	}
	var stream []byte
	dir := t.TempDir()
	status, _, stderr := scalenet("detect", "--model", tinyModel(t, dir), "--threshold", "0", "--threads", "1", "--out", filepath.Join(dir, "jpegs"), imagesDir)
	require.Zero(t, status, stderr)
	jpegs, err := filepath.Glob(filepath.Join(dir, "jpegs", "*.jpg"))
	require.NoError(t, err)
	for _, path := range append(jpegs, jpegs...) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		stream = append(stream, data...)
	}
	clip := write(t, filepath.Join(dir, "clip.mjpeg"), string(stream))
	status, out, errs := scalenet("detect", "--model", filepath.Join(dir, "model.safetensors"), "--threshold", "0", "--threads", "1", "--json", "--track",
		"--count-line", "gate=0,50,100,50", "--count-zone", "yard=0,0,90,0,90,90", clip)
	require.Zero(t, status, errs)
	require.Equal(t, 8, strings.Count(out, "\n"))
	require.Contains(t, out, `"counts":[{"line":"gate"`)
	require.Contains(t, errs, "gate: ")
}

// A run that was killed in the middle of a line goes on, and ends with the bytes of one that was not. So do parts, one after the other.
func TestDetectResumeAndShards(t *testing.T) {
	dir := t.TempDir()
	model := tinyModel(t, dir)
	detect := func(args ...string) (status int, stderr string) {
		status, _, stderr = scalenet(append([]string{"detect", "--model", model, "--threshold", "0", "--threads", "1", "--json", imagesDir}, args...)...)
		return status, stderr
	}
	read := func(name string) string { return contents(t, dir)[name] }
	pictures := t.TempDir()
	status, stderr := detect("--output", filepath.Join(dir, "whole"), "--out", pictures)
	require.Zero(t, status, stderr)
	whole, drawn := read("whole"), contents(t, pictures)
	require.NotContains(t, contents(t, dir), "whole.settings", "of a run that has ended")
	status, stderr = detect("--output", filepath.Join(dir, "failed"), write(t, filepath.Join(dir, "broken.jpg"), "no image"))
	requireError(t, status, stderr, "1 of 5 images failed")
	settings := read("failed.settings")

	lines := strings.SplitAfter(whole, "\n")
	for _, kept := range []int{0, 2, 4} {
		part := filepath.Join(dir, "part")
		write(t, part, strings.Join(lines[:kept], "")+"{\"file\":")
		write(t, part+".settings", settings)
		out := t.TempDir()
		for _, line := range lines[:max(0, kept-1)] { // the last line has no drawing yet
			name := strings.TrimSuffix(filepath.Base(nameIn(t, line)), ".png") + ".jpg"
			write(t, filepath.Join(out, name), drawn[name])
		}
		status, stderr := detect("--output", part, "--out", out, "--resume")
		require.Zero(t, status, stderr)
		require.Equal(t, whole, read("part"))
		require.Equal(t, drawn, contents(t, out))
	}
	for _, part := range []string{"0/3", "1/3", "2/3"} {
		status, stderr := detect("--output", filepath.Join(dir, "shard"+part[:1]), "--shard", part)
		require.Zero(t, status, stderr)
	}
	require.Equal(t, whole, read("shard0")+read("shard1")+read("shard2"))

	mine := filepath.Join(dir, "mine")
	for text, want := range map[string]string{
		"my notes\n": "line 1: this is not a line that detect wrote",
		"{\"file\":\"x.png\",\"detections\":[]}\n": "has a line for x.png, which is none of the sources",
	} {
		write(t, mine, text)
		status, stderr := detect("--output", mine, "--resume")
		requireError(t, status, stderr, want)
		require.Equal(t, text, read("mine"))
	}
	status, stderr = detect("--resume")
	requireError(t, status, stderr, "want --format jsonl --output FILE")
	status, stderr = detect("--output", filepath.Join(dir, "absent"), "--resume")
	requireError(t, status, stderr, "absent")
}

// Two files with one image id, and two images with one label file, are refused before anything is detected, also if they are in different parts.
func TestDetectRefusesOneNameForTwo(t *testing.T) {
	dir := t.TempDir()
	model := tinyModel(t, dir)
	image, err := os.ReadFile(filepath.Join(imagesDir, "IMG_2385.png"))
	require.NoError(t, err)
	for _, name := range []string{"in/a.jpg", "in/sub/a.jpg", "in/b.png", "in/b.PNG", "in/c.png"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		write(t, filepath.Join(dir, name), string(image))
	}
	ids := write(t, filepath.Join(dir, "ids.json"), `{"images": [{"id": 77, "file_name": "a.jpg"}, {"id": 78, "file_name": "c.png"}], "annotations": [],
		"categories": [{"id": 1, "name": "RBC"}, {"id": 2, "name": "WBC"}, {"id": 3, "name": "Platelets"}, {"id": 4, "name": "king"}]}`)
	t.Chdir(dir)
	const one, stems = "in/sub/a.jpg: its image_id in ", "differ only in their extensions"
	for _, c := range []struct{ args, want string }{
		{"--format coco --ids " + ids + " in/a.jpg in/sub/a.jpg", one + ids + " would be 77, which in/a.jpg has already"},
		{"--format coco --ids " + ids + " --shard 1/2 in/a.jpg in/sub/a.jpg", one},
		{"--format coco --ids " + ids + " in/sub/a.jpg in/c.png", ""},
		{"--format yolo --out OUT in/b.png in/b.PNG", "--format yolo: in/b.png and in/b.PNG " + stems},
		{"--format yolo --out OUT --shard 0/2 in/b.png in/c.png in/b.PNG", stems},
		{"--format voc --out OUT in/b.png in/b.PNG", "--format voc: in/b.png and in/b.PNG " + stems},
		{"--format yolo --out OUT in/b.png ./in/b.png in/a.jpg in/sub/a.jpg", ""},
		{"--format csv --out OUT --crops CROPS in/b.png in/b.PNG", ""},
	} {
		place := t.TempDir()
		args := strings.NewReplacer("OUT", filepath.Join(place, "out"), "CROPS", filepath.Join(place, "crops")).Replace("detect --model " + model + " --threads 1 " + c.args)
		status, stdout, stderr := scalenet(strings.Fields(args)...)
		if c.want == "" {
			require.Zero(t, status, stderr)
			continue
		}
		requireError(t, status, stderr, c.want)
		require.Empty(t, stdout)
		require.Empty(t, contents(t, place))
	}
}

// nameIn returns the image of a line.
func nameIn(t *testing.T, line string) string {
	var image detectedImage
	require.NoError(t, json.Unmarshal([]byte(line), &image))
	return image.File
}

func TestDetectOptionErrors(t *testing.T) {
	dir := t.TempDir()
	model := tinyModel(t, dir)
	image := filepath.Join(imagesDir, "IMG_2385.png")
	write(t, filepath.Join(dir, "there.csv"), "")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "full"), 0o755))
	write(t, filepath.Join(dir, "full", "x"), "")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--format", "xml"}, `format "xml"`},
		{[]string{"--json", "--format", "csv"}, "contradicts --format csv"},
		{[]string{"--format", "yolo"}, "want --out DIR"},
		{[]string{"--format", "yolo", "--out", dir, "--output", "x"}, "--output is for the other formats"},
		{[]string{"--format", "csv", "--output", filepath.Join(dir, "there.csv")}, "there.csv: already exists"},
		{[]string{"--format", "csv", "--ids", instancesFile}, "--ids is for --format coco"},
		{[]string{"--format", "coco", "--ids", filepath.Join(dir, "absent.json")}, "absent.json"},
		{[]string{"--draw", "boxes"}, "--draw without --out"},
		{[]string{"--draw", "none", "--out", dir}, "nothing to write"},
		{[]string{"--crops", filepath.Join(dir, "full")}, "has files already"},
		{[]string{"--crops", imagesDir}, "is in this folder"},
		{[]string{"--classes", "RBX"}, `did you mean "RBC"`},
		{[]string{"--classes", ""}, "want class names"},
		{[]string{"--max", "0"}, "--max 0"},
		{[]string{"--nms", "2"}, "nms = 2"},
		{[]string{"--tta", "turn"}, `--tta "turn"`},
		{[]string{"--track"}, "none of the sources is a video"},
		{[]string{"--count-line", "1,2,3,4"}, "give --track, too"},
		{[]string{"--track", "--count-line", "1,2"}, `--count-line "1,2"`},
		{[]string{"--track", "--count-zone", "1,2,3,4"}, `--count-zone "1,2,3,4"`},
		{[]string{"--tile", "7"}, "--tile 7"},
		{[]string{"--overlap", "0.5"}, "--overlap without --tile"},
		{[]string{"--shard", "4/4"}, "there is no part 4"},
		{[]string{"--shard", "1/4", "--format", "coco"}, "--shard 1/4 with --format coco: every part would number its images from 1: give --ids FILE"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			status, stdout, stderr := scalenet(append(append([]string{"detect", "--model", model}, c.args...), image)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			require.Contains(t, stderr, c.want)
		})
	}
}
