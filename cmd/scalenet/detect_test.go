package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/imaging"
	"scalenet/internal/video"
)

// detectedImage is what `detect --json` prints for an image or frame.
type detectedImage struct {
	File       string           `json:"file"`
	Frame      *int             `json:"frame"`
	Time       *float64         `json:"time"`
	Width      int              `json:"width"`
	Height     int              `json:"height"`
	Detections []detectedObject `json:"detections"`
}

type detectedObject struct {
	ClassID int32      `json:"class_id"`
	Label   string     `json:"label"`
	Score   float32    `json:"score"`
	Box     [4]float32 `json:"box"` // x1, y1, x2, y2
}

// lines are the images of JSON lines.
func lines(t *testing.T, stdout string) (list []detectedImage) {
	for line := range strings.Lines(stdout) {
		var im detectedImage
		require.NoError(t, json.Unmarshal([]byte(line), &im))
		list = append(list, im)
	}
	return list
}

// album is a folder of photos of two sizes, and a zip of them.
func album(t *testing.T) (folder, archive string) {
	dir := t.TempDir()
	folder, archive = filepath.Join(dir, "album"), filepath.Join(dir, "album.zip")
	require.NoError(t, os.Mkdir(folder, 0o755))
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i, name := range []string{"IMG_2385.png", "1_small.png", "IMG_2385.png", "3_small.png", "IMG_2385.png"} {
		m, err := imaging.Load(filepath.Join(imagesDir, "IMG_2385.png"), imaging.Limits{})
		require.NoError(t, err)
		if strings.Contains(name, "small") {
			m, err = m.Resize(90, 180)
			require.NoError(t, err)
		} else {
			m = m.FlipHorizontal()
		}
		name = fmt.Sprintf("%d.png", i)
		require.NoError(t, m.Save(filepath.Join(folder, name)))
		data, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	write(t, archive, b.String())
	return folder, archive
}

// Detections are those of the image, whatever the source and the batch, and in the order of the sources.
func TestDetectSourcesAndBatches(t *testing.T) {
	folder, archive := album(t)
	model := tinyModel(t, t.TempDir())
	detect := func(args ...string) []detectedImage {
		status, stdout, stderr := scalenet(append([]string{"detect", "--model", model, "--threshold", "0", "--json"}, args...)...)
		require.Zero(t, status, stderr)
		require.Contains(t, stderr, "5 images, ")
		return lines(t, stdout)
	}
	one := detect(folder)
	require.Len(t, one, 5)
	require.NotEmpty(t, one[1].Detections)
	for name, args := range map[string][]string{
		"zip": {archive}, "batch of 2": {"--batch", "2", folder}, "batch of 3": {"--batch", "3", folder}, "batch of 100": {"--batch", "100", folder}, "pattern": {folder + "/*"},
	} {
		t.Run(name, func(t *testing.T) {
			got := detect(args...)
			require.Len(t, got, 5)
			for i := range got {
				require.Equal(t, filepath.Base(one[i].File), got[i].File[len(got[i].File)-len("0.png"):], "the order")
				require.Len(t, got[i].Detections, len(one[i].Detections))
				for k, x := range got[i].Detections {
					require.InDelta(t, one[i].Detections[k].Score, x.Score, 1e-6)
					for side := range x.Box {
						require.InDelta(t, one[i].Detections[k].Box[side], x.Box[side], 1e-3)
					}
				}
				if name == "zip" || name == "pattern" {
					require.Equal(t, one[i].Detections, got[i].Detections, "to the bit")
				}
			}
		})
	}
}

// A large photograph is reduced while it is decoded. Boxes, drawing and crops are in pixels of the whole.
func TestDetectLargePhotograph(t *testing.T) {
	dir := t.TempDir()
	m, err := imaging.Load(filepath.Join(imagesDir, "IMG_2385.png"), imaging.Limits{})
	require.NoError(t, err)
	m, err = m.Resize(1600, 3200)
	require.NoError(t, err)
	photo := filepath.Join(dir, "photo.jpg")
	require.NoError(t, m.Save(photo))
	model, out := tinyModel(t, t.TempDir()), filepath.Join(dir, "out")
	status, stdout, stderr := scalenet("detect", "--model", model, "--threshold", "0", "--max", "5", "--json", "--out", out, "--crops", filepath.Join(dir, "crops"), photo)
	require.Zero(t, status, stderr)
	drawn := lines(t, stdout)[0]
	require.Equal(t, [2]int{1600, 3200}, [2]int{drawn.Width, drawn.Height})
	status, stdout, stderr = scalenet("detect", "--model", model, "--threshold", "0", "--max", "5", "--json", photo)
	require.Zero(t, status, stderr)
	require.Equal(t, drawn.Detections, lines(t, stdout)[0].Detections)
	picture, err := imaging.Load(filepath.Join(out, "photo.jpg"), imaging.Limits{})
	require.NoError(t, err)
	require.Equal(t, [2]int{1600, 3200}, [2]int{picture.W, picture.H})
	crops, err := filepath.Glob(filepath.Join(dir, "crops", "*", "photo-*.jpg"))
	require.NoError(t, err)
	require.Len(t, crops, len(drawn.Detections))
	var area int
	for _, file := range crops {
		crop, err := imaging.Load(file, imaging.Limits{})
		require.NoError(t, err)
		area += crop.W * crop.H
	}
	var want float32
	for _, x := range drawn.Detections {
		want += (x.Box[2] - x.Box[0]) * (x.Box[3] - x.Box[1])
	}
	require.InEpsilon(t, want, area, 0.2)
}

// The parts of a list are its images in their order, and their files those of the whole.
func TestDetectShards(t *testing.T) {
	folder, _ := album(t)
	model, out := tinyModel(t, t.TempDir()), filepath.Join(t.TempDir(), "out")
	var names []string
	for i := range 7 { // more than images
		status, stdout, stderr := scalenet("detect", "--model", model, "--json", "--out", out, "--shard", fmt.Sprintf("%d/7", i), folder)
		require.Zero(t, status, stderr)
		for _, im := range lines(t, stdout) {
			names = append(names, filepath.Base(im.File))
		}
	}
	require.Equal(t, []string{"0.png", "1.png", "2.png", "3.png", "4.png"}, names)
	require.Len(t, contents(t, out), 5)
	labels, csv := filepath.Join(t.TempDir(), "labels"), ""
	for i := range 2 {
		part := []string{"detect", "--model", model, "--threshold", "0", "--max", "3", "--shard", fmt.Sprintf("%d/2", i), folder, "--format"}
		status, stdout, stderr := scalenet(append(part, "csv")...)
		require.Zero(t, status, stderr)
		csv += stdout
		status, _, stderr = scalenet(append(part, "yolo", "--out", labels)...)
		require.Zero(t, status, stderr)
	}
	status, whole, stderr := scalenet("detect", "--model", model, "--threshold", "0", "--max", "3", folder, "--format", "csv")
	require.Zero(t, status, stderr)
	require.Equal(t, whole, csv, "one header")
	require.Len(t, contents(t, filepath.Join(labels, "labels")), 5)
	status, _, stderr = scalenet("detect", "--model", model, "--shard", "7/7", folder)
	requireError(t, status, stderr, "--shard")
}

// What cannot be read is named, and the rest is done.
func TestDetectGoesOn(t *testing.T) {
	folder, archive := album(t)
	model, out := tinyModel(t, t.TempDir()), filepath.Join(t.TempDir(), "out")
	write(t, filepath.Join(folder, "2.png"), "no image")
	status, stdout, stderr := scalenet("detect", "--model", model, "--json", "--batch", "2", "--out", out, folder, archive)
	requireError(t, status, stderr, "1 of 10 images failed")
	require.Len(t, lines(t, stdout), 9)
	require.Contains(t, stderr, "album/2.png: unsupported image format")
	require.Contains(t, stderr, "9 images, ")
	require.Contains(t, stderr, ", 1 failed; ")
	require.FileExists(t, filepath.Join(out, "album", "1.jpg"))
	require.FileExists(t, filepath.Join(out, "album.zip", "1.jpg"))
	for flag, want := range map[string]string{"--batch=0": "--batch 0: want 1 to 65536", "--batch=9223372036854775807": "--batch 9223372036854775807: want 1 to 65536", "--stride=0": "--stride 0: want at least 1", "--from=x": `--from "x": want a time such as 90`} {
		status, _, stderr = scalenet("detect", "--model", model, flag, folder)
		requireError(t, status, stderr, want)
	}
	status, _, stderr = scalenet("detect", "--model", model, "--from", "3", "--to", "2", folder)
	requireError(t, status, stderr, "--to 2s is not after --from 3s")
}

// A video gives a line per frame and a video with boxes. Damage is named, and what was found before stays.
func TestDetectVideo(t *testing.T) {
	if video.Check() != nil {
		t.Skip("ffmpeg not found")
	}
	dir := t.TempDir()
	model, clip, out := tinyModel(t, dir), filepath.Join(dir, "clip.mkv"), filepath.Join(dir, "out")
	said, err := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=4", "-g", "5", clip).CombinedOutput()
	require.NoError(t, err, string(said))
	status, stdout, stderr := scalenet("detect", "--model", model, "--threshold", "0", "--json", "--stride", "5", "--batch", "3", "--out", out, clip)
	require.Zero(t, status, stderr)
	list := lines(t, stdout)
	require.Len(t, list, 8)
	for i, im := range list {
		require.Equal(t, clip, im.File)
		require.Equal(t, 5*i, *im.Frame)
		require.InDelta(t, 0.5*float64(i), *im.Time, 0.002)
	}
	info, err := video.Probe(t.Context(), video.Input{Path: filepath.Join(out, "clip.mp4")})
	require.NoError(t, err)
	require.InDelta(t, 2, info.Rate, 0.01)
	require.InDelta(t, 4, info.Duration.Seconds(), 0.6)
	status, _, stderr = scalenet("detect", "--model", model, "--out", out, clip)
	requireError(t, status, stderr, "clip.mp4: already exists; --force replaces it")

	whole, err := os.ReadFile(clip)
	require.NoError(t, err)
	cut := write(t, filepath.Join(dir, "cut.mkv"), string(whole[:len(whole)*2/3]))
	status, stdout, stderr = scalenet("detect", "--model", model, "--json", "--stride", "5", "--out", out, cut, filepath.Join(imagesDir, "IMG_2385.png"))
	requireError(t, status, stderr, "images failed")
	require.Contains(t, stderr, "cut.mkv after frame ")
	list = lines(t, stdout)
	require.Greater(t, len(list), 4)
	require.Equal(t, filepath.Join(imagesDir, "IMG_2385.png"), list[len(list)-1].File, "the next source is done")
	_, err = video.Probe(t.Context(), video.Input{Path: filepath.Join(out, "cut.mp4")})
	require.NoError(t, err)
}

// After Ctrl-C the lines and the video are whole.
func TestDetectInterrupted(t *testing.T) {
	if video.Check() != nil {
		t.Skip("ffmpeg not found")
	}
	dir := t.TempDir()
	model, clip, out := tinyModel(t, dir), filepath.Join(dir, "clip.mkv"), filepath.Join(dir, "out")
	said, err := exec.Command("ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=160x90:rate=10:duration=1000", "-preset", "ultrafast", clip).CombinedOutput()
	require.NoError(t, err, string(said))
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	var stderr bytes.Buffer
	seen := &countingLines{to: &stdout, after: 20, do: cancel}
	status := run(ctx, []string{"detect", "--model", model, "--json", "--out", out, clip}, seen, &stderr)
	require.Equal(t, 130, status, stderr.String())
	require.Contains(t, stderr.String(), "scalenet: interrupted")
	list := lines(t, stdout.String())
	require.GreaterOrEqual(t, len(list), 20)
	in := video.Input{Path: filepath.Join(out, "clip.mp4")}
	info, err := video.Probe(t.Context(), in)
	require.NoError(t, err)
	require.InDelta(t, len(list), info.Frames(in), 1, "each printed frame is in the video")
}

// countingLines calls do after some lines.
type countingLines struct {
	to    *bytes.Buffer
	after int
	do    func()
}

func (c *countingLines) Write(text []byte) (int, error) {
	if c.after--; c.after == 0 {
		c.do()
	}
	return c.to.Write(text)
}
