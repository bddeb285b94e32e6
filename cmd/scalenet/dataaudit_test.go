package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
	"scalenet/imaging"
	"scalenet/train"
)

func TestDataAudit(t *testing.T) {
	dir := t.TempDir()
	var gt struct {
		Annotations []struct {
			Image    int64     `json:"image_id"`
			Category int64     `json:"category_id"`
			Box      []float64 `json:"bbox"`
		} `json:"annotations"`
	}
	text, err := os.ReadFile(instancesFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &gt))
	var found []map[string]any // what a perfect model finds, and one object more
	for _, a := range gt.Annotations {
		found = append(found, map[string]any{"image_id": a.Image, "category_id": a.Category, "bbox": a.Box, "score": 0.9})
	}
	a := gt.Annotations[0]
	found = append(found, map[string]any{"image_id": a.Image, "category_id": a.Category, "bbox": []float64{2, 2, 4, 4}, "score": 0.7})
	found = append(found, map[string]any{"image_id": a.Image, "category_id": 99, "bbox": []float64{20, 2, 4, 4}, "score": 0.8}) // the model has more classes
	rows, err := json.Marshal(found)
	require.NoError(t, err)
	results, out := write(t, filepath.Join(dir, "found.json"), string(rows)), filepath.Join(dir, "audit")
	args := []string{"data", "audit", "--images", imagesDir, "--results", results, "--out", out, instancesFile}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "audit.html: 1 of 1 proposals: 1 objects probably missing, 0 labels of the wrong class, 0 loose boxes\n")
	require.Contains(t, stderr, "found.json: dropped 1 detection of categories that are no classes of "+instancesFile+"\n")
	require.FileExists(t, filepath.Join(out, "audit.json"))
	status, _, stderr = scalenet(args...)
	requireError(t, status, stderr, "audit.html: already exists")
	status, _, stderr = scalenet(append(args, "--force", "--results", results)...)
	requireError(t, status, stderr, "has detections in "+results+" too, but only one model can judge it")
	status, _, stderr = scalenet(append(args, "--parts", "3")...)
	requireError(t, status, stderr, "--parts is for models that the audit trains: give it without --results")
	status, _, stderr = scalenet(append(args, "--force", "--top", "-1")...)
	requireError(t, status, stderr, "--top -1: want 0 or more")
}

// Without --results, each part is judged by a model that is trained on the others. What is there is used again.
func TestDataAuditTrains(t *testing.T) {
	dir := t.TempDir()
	noise := noisyData(t, filepath.Join(dir, "noise"))
	out, config := filepath.Join(dir, "audit"), tinyAudit(t, dir, noise)
	args := []string{"data", "audit", "--config", config, "--out", out, noise}
	status, stdout, stderr := scalenet(args...)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "proposals")
	require.Contains(t, stderr, "part 2 of 2: training on the other images")

	judged := map[int64]int{} // by image
	whole, err := coco.Open(noise, coco.Options{})
	require.NoError(t, err)
	for _, part := range []string{"part-1", "part-2"} {
		own, err := coco.Open(filepath.Join(out, part, "judged.json"), coco.Options{})
		require.NoError(t, err)
		others, err := coco.Open(filepath.Join(out, part, "training.json"), coco.Options{})
		require.NoError(t, err)
		require.NoError(t, coco.CheckApart(t.Context(), own, others))
		require.Len(t, whole.Images, len(own.Images)+len(others.Images))
		for i := range own.Images {
			judged[own.Images[i].ID]++
		}
		require.FileExists(t, filepath.Join(out, part, "model", "best.safetensors"))
	}
	require.Len(t, judged, len(whole.Images))

	require.NoError(t, os.Remove(filepath.Join(out, "part-2", "detections.json")))
	status, again, stderr := scalenet(append(args, "--force")...)
	require.Zero(t, status, stderr)
	require.Equal(t, stdout, again)
	require.Contains(t, stderr, "part 1 of 2: is judged already")
	require.Contains(t, stderr, "part 2 of 2: judging its images")

	// All parts have the settings with which the audit was begun.
	settings, err := os.ReadFile(config)
	require.NoError(t, err)
	other := write(t, filepath.Join(dir, "other.yaml"), strings.Replace(string(settings), " epochs: 1\n", " epochs: 2\n", 1))
	for want, more := range map[string][]string{
		"the audit was begun with parts = 2, now it is 3":               {"--parts", "3"},
		`the audit was begun with budget = "0s", now it is "1h"`:        {"--budget", "1h"},
		"the audit was begun with config.train.epochs = 1, now it is 2": {"--config", other},
		"nosuch.yaml: no such file or directory":                        {"--config", "nosuch.yaml"},
	} {
		status, _, stderr := scalenet(append(slices.Clone(args), append(more, "--force")...)...)
		requireError(t, status, stderr, want)
	}
	status, _, stderr = scalenet("data", "audit", "--config", config, "--out", out, "--force", instancesFile, "--images", imagesDir)
	requireError(t, status, stderr, "is of an audit of other data, or with other --parts: choose another --out")
}

// What would end one of the trainings is an error before the first.
func TestDataAuditRefuses(t *testing.T) {
	dir := t.TempDir()
	misspelt := write(t, filepath.Join(dir, "misspelt.yaml"), "train: {epoch: 1}\n")
	some := []int{0, 1, 0, 1}
	for name, c := range map[string]struct {
		classes []int // of the images
		change  func(t *testing.T, data, out string)
		flags   []string
		want    string
	}{
		"one part":               {some, nil, []string{"--parts", "1"}, "--parts 1: want 2 or more"},
		"negative budget":        {some, nil, []string{"--budget", "-5m"}, "--budget -5m0s: want a time such as 30m"},
		"no configuration":       {some, nil, []string{"--config", "nosuch.yaml"}, "nosuch.yaml: no such file or directory"},
		"misspelt key":           {some, nil, []string{"--config", misspelt}, "did you mean train.epochs?"},
		"out in the data":        {some, nil, []string{"--out", filepath.Join(dir, "out in the data", "data", "audit")}, "is in the data folder " + filepath.Join(dir, "out in the data", "data") + ": choose one outside"},
		"two images":             {[]int{0, 1}, nil, nil, "1 images cannot be split: part 1 of 2 is judged by a model that is trained on the other 1 images"},
		"one with an object":     {[]int{0, -1, -1, -1, -1, -1}, nil, nil, "too few images have objects that count: part 1 of 2"},
		"more parts than images": {[]int{0, 0, 0}, nil, []string{"--parts", "5"}, "--parts 5: "},
		"corrupt images": {some, func(t *testing.T, data, _ string) {
			cutOff(t, filepath.Join(data, "1.jpg"))
			cutOff(t, filepath.Join(data, "3.jpg"))
		}, nil, "before its end-of-image marker (and 1 more): mend or replace the image, or leave such images out with --skip-bad"},
		"too few without the corrupt": {[]int{0, 0, 0}, func(t *testing.T, data, _ string) { cutOff(t, filepath.Join(data, "1.jpg")) }, []string{"--skip-bad"}, "1 images cannot be split: part "},
		"parts of earlier versions": {some, func(t *testing.T, _, out string) {
			require.NoError(t, os.MkdirAll(filepath.Join(out, "part-1"), 0o755))
			write(t, filepath.Join(out, "part-1", "detections.json"), "[]")
		}, nil, "audit.yaml: does not exist, so the settings of "},
		"a file of the user": {some, func(t *testing.T, _, out string) {
			require.NoError(t, os.MkdirAll(out, 0o755))
			write(t, filepath.Join(out, "audit.yaml"), "mine: 1\n")
		}, nil, "audit.yaml: is not a file that an audit wrote"},
	} {
		t.Run(name, func(t *testing.T) {
			data, out := filepath.Join(dir, name, "data"), filepath.Join(dir, name, "audit")
			pictures(t, data, c.classes...)
			write(t, filepath.Join(data, "classes.txt"), "a\nb\n")
			if c.change != nil {
				c.change(t, data, out)
			}
			status, _, stderr := scalenet(append([]string{"data", "audit", "--out", out, data}, c.flags...)...)
			require.Equal(t, 1, status, stderr)
			require.Contains(t, stderr, c.want)
			require.NotContains(t, stderr, "--val")
			require.NotContains(t, stderr, "training on the other images")
		})
	}
}

// The output folder is outside a Pascal VOC folder, too, by whatever link.
func TestDataAuditOutside(t *testing.T) {
	dir := t.TempDir()
	data, link := filepath.Join(dir, "voc"), filepath.Join(dir, "link")
	for _, name := range []string{"Annotations", "ImageSets/Main", "JPEGImages"} {
		require.NoError(t, os.MkdirAll(filepath.Join(data, name), 0o755))
	}
	require.NoError(t, os.Symlink(data, link))
	for _, v := range []struct{ out, data string }{
		{filepath.Join(data, "audit"), data},
		{filepath.Join(data, "a", "b"), data},
		{data, data},
		{filepath.Join(link, "audit"), data},
		{filepath.Join(data, "audit"), link},
		{filepath.Join(data, "JPEGImages", "audit"), data},
	} {
		status, _, stderr := scalenet("data", "audit", "--out", v.out, v.data)
		requireError(t, status, stderr, "--out "+v.out+": is in the data folder "+v.data, ": choose one outside")
	}
	status, _, stderr := scalenet("data", "audit", "--out", filepath.Join(dir, "vocaudit"), data)
	require.Equal(t, 1, status)
	require.NotContains(t, stderr, "is in the data folder")
}

// Settings can be mended until a training has saved something with them.
func TestAuditSettings(t *testing.T) {
	out := filepath.Join(t.TempDir(), "audit")
	for _, parts := range []int{4, 2} {
		require.NoError(t, (&auditModels{parts: parts}).keepSettings(out))
	}
	require.NoError(t, os.MkdirAll(filepath.Join(out, "part-1", "model"), 0o755))
	write(t, filepath.Join(out, "part-1", "model", train.StateFile), "")
	require.NoError(t, (&auditModels{parts: 2}).keepSettings(out))
	require.ErrorContains(t, (&auditModels{parts: 3}).keepSettings(out), "audit.yaml: the audit was begun with parts = 2, now it is 3")
}

// Ctrl-C ends the audit also when a training is just done, and the same command goes on. Images that cannot be read are left out if asked.
func TestDataAuditStops(t *testing.T) {
	dir := t.TempDir()
	noise := noisyData(t, filepath.Join(dir, "noise"))
	cutOff(t, filepath.Join(dir, "noise", "3.png"))
	args := []string{"data", "audit", "--skip-bad", "--config", tinyAudit(t, dir, noise), "--out", filepath.Join(dir, "audit"), noise}
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), asProgram+"=1")
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	said := ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "epoch 1 evaluated") {
			require.NoError(t, c.Process.Signal(os.Interrupt))
		}
	}
	require.Error(t, c.Wait())
	require.Equal(t, 130, c.ProcessState.ExitCode(), said)
	require.Contains(t, said, "left out: "+noise+": images[3]: ")
	require.Equal(t, 1, strings.Count(said, "Ctrl-C: "), said)
	require.NotContains(t, said, "part 2 of 2")
	require.NoFileExists(t, filepath.Join(dir, "audit", "audit.html"))

	status, stdout, said := scalenet(args...)
	require.Zero(t, status, said)
	require.Contains(t, stdout, "proposals")
	require.Contains(t, said, noise+": 1 of its 12 images cannot be read and are left out")
}

// The trainings are one after the other, and a process can join a group once.
func TestDataAuditIsAlone(t *testing.T) {
	out := filepath.Join(t.TempDir(), "audit")
	status, text := mpirun(t, 2, "data", "audit", "--images", imagesDir, "--out", out, instancesFile)
	require.Equal(t, 1, status, text)
	require.Equal(t, 1, strings.Count(text, "an audit runs in one process, and 2 were started: start it without mpirun"), text)
	require.NoDirExists(t, out)
}

// tinyAudit writes a configuration of a small training on data.
func tinyAudit(t *testing.T, dir, data string) (config string) {
	status, settings, stderr := scalenet(append([]string{"train", "--data", data, "--out", filepath.Join(dir, "none"), "--epochs", "1", "--print-config"}, tinySettings...)...)
	require.Zero(t, status, stderr)
	return write(t, filepath.Join(dir, "tiny.yaml"), settings)
}

// noisyData makes a data set of twelve images of noise, each with an object.
func noisyData(t *testing.T, dir string) (instances string) {
	require.NoError(t, os.Mkdir(dir, 0o755))
	random := rand.New(rand.NewPCG(1, 2))
	var images, annotations []string
	for i := range 12 {
		m := imaging.Image{W: 64, H: 64, Pix: make([]uint8, 3*64*64)}
		for j := range m.Pix {
			m.Pix[j] = uint8(random.Uint32())
		}
		name := fmt.Sprintf("%d.png", i)
		require.NoError(t, m.Save(filepath.Join(dir, name)))
		images = append(images, fmt.Sprintf(`{"id": %d, "file_name": %q, "width": 64, "height": 64}`, i+1, name))
		annotations = append(annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": [%d, 8, 32, 40], "area": 1280, "iscrowd": 0}`, i+1, i+1, i%2+1, 2*i))
	}
	return write(t, filepath.Join(dir, "instances.json"), fmt.Sprintf(`{"images": [%s], "annotations": [%s], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}`,
		strings.Join(images, ", "), strings.Join(annotations, ", ")))
}
