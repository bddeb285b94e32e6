package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
)

// sharedData is a folder of the shared data; the test is skipped where that is
// not there.
func sharedData(t *testing.T, name string) string {
	root := os.Getenv("SCALENET_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(root, "data", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("shared data not found: " + path)
	}
	return path
}

// BCCD as published, with two boxes of no area, and COCO's own images, with
// crowds and images without boxes, go through all that a data set goes
// through: check, view, convert to every layout and back, training, evaluation.
func TestRealData(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on 300 images")
	}
	bccd, sample := sharedData(t, "bccd"), sharedData(t, "coco-sample")
	for name, v := range map[string]struct {
		train, val []string // what names them
		checked    string
		boxes      int // of val
		crowds     int // of them
	}{
		"bccd": {[]string{bccd}, []string{bccd}, "2: zero-area box", 1138, 0},
		"coco-sample": {
			[]string{filepath.Join(sample, "annotations", "instances_train2017.json"), filepath.Join(sample, "train2017")},
			[]string{filepath.Join(sample, "annotations", "instances_val2017.json"), filepath.Join(sample, "val2017")}, "class without objects", 382, 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ok := func(args ...string) string {
				t.Helper()
				status, stdout, stderr := scalenet(args...)
				require.Zero(t, status, stderr)
				return stdout
			}
			with := func(prefix string, data []string) []string {
				if len(data) == 1 {
					return nil
				}
				return []string{prefix + "images", data[1]}
			}
			check := []string{"data", "check", v.val[0]}
			if len(v.val) > 1 {
				check = []string{"data", "check", "--images", v.train[1], "--images", v.val[1], v.train[0], v.val[0]}
			}
			stdout := ok(check...)
			require.Contains(t, stdout, "errors: none")
			require.Contains(t, stdout, v.checked)
			ok(append([]string{"data", "view", v.val[0], "--out", filepath.Join(dir, "sheet.jpg"), "--width", "120"}, with("--", v.val)...)...)

			// There and back through both other layouts, both splits.
			split := func(name string) []string {
				if len(v.val) == 1 {
					return []string{"--split", name}
				}
				return []string{"--as", name}
			}
			yolo, gt := filepath.Join(dir, "yolo"), filepath.Join(dir, "gt.json")
			for i, data := range [][]string{v.train, v.val} {
				part := []string{"train", "val"}[i]
				args := append(with("--", data), data[0])
				for _, to := range []string{"yolo", "voc"} {
					all := append([]string{"data", "convert", "--to", to}, split(part)...)
					if i == 1 {
						all = append(all, "--add")
					}
					ok(append(append(all, args...), filepath.Join(dir, to))...)
				}
			}
			ok("data", "convert", "--split", "val", yolo, gt)
			require.Len(t, boxes(t, gt), v.boxes-v.crowds)
			back := filepath.Join(dir, "back.json")
			ok("data", "convert", "--split", "val", filepath.Join(dir, "voc"), back)
			require.Len(t, boxes(t, back), v.boxes)
			require.Subset(t, boxes(t, back), boxes(t, gt))

			// Trained on YOLO's layout, evaluated on it, and the results on the converted file.
			config := write(t, filepath.Join(dir, "tiny.yaml"), tinyConfig)
			run := filepath.Join(dir, "run")
			ok("train", "--train", yolo, "--val", yolo, "--allow-shared-images", "--preset", "default", "--config", config, "--set", "train.epochs=1", "--set", "batch=8", "--set", "train.eval_epochs=0",
				"--set", "train.lr=0.001", "--out", run, "--threads", "1")
			results := filepath.Join(dir, "results.json")
			printed := ok("eval", "--model", filepath.Join(run, "last.safetensors"), "--data", yolo, "--json", "--results", results, "--threads", "2")
			requireSameFigures(t, printed, gt, results)
		})
	}
}

// boxes lists the classes and boxes of a COCO file by image.
func boxes(t *testing.T, file string) (all []any) {
	d, err := coco.Open(file, coco.Options{})
	require.NoError(t, err)
	for _, a := range d.Annotations {
		all = append(all, [3]any{filepath.Base(d.Images[a.Image].FileName), d.Categories[a.Class-1].Name, a.Box})
	}
	return all
}
