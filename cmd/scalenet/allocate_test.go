package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/classify/allocate"
)

// tinySeed writes the checkpoint of a seed network of 2 blocks whose coarse
// scale matters most in the first and least in the second, and its network.
func tinySeed(t *testing.T, metadata bool) (path, model string) {
	config := backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 4, Kernel: 3, Stride: 1}, Blocks: []int{1, 1}, Planes: []int{4, 4},
		Scales: []int{1, 2}, Structure: backbone.Structure{{4, 4, 8}, {4, 4, 4}}}
	f := &checkpoint.File{}
	for name, v := range map[string]float32{"layer1.0.bn2.0": 1, "layer1.0.bn2.1": 2, "layer2.0.bn2.0": 2, "layer2.0.bn2.1": -1} {
		f.Tensors = append(f.Tensors, checkpoint.Float32Tensor(name+".weight", []int{4}, []float32{v, v, v, v}))
	}
	text, err := yaml.Marshal(map[string]any{"backbone": config})
	require.NoError(t, err)
	if metadata {
		f.Metadata = map[string]string{"scalenet.classifier": string(text)}
	}
	dir := t.TempDir()
	path, model = filepath.Join(dir, "seed.safetensors"), filepath.Join(dir, "seed.yaml")
	require.NoError(t, checkpoint.Save(path, f))
	text, err = yaml.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(model, text, 0o644))
	return path, model
}

func TestAllocate(t *testing.T) {
	seed, _ := tinySeed(t, true)
	bare, model := tinySeed(t, false)
	for _, c := range []struct {
		args []string
		want backbone.Structure
	}{
		// 3x3 of 4 planes at side 8: a neuron of scale 1 takes a quarter of the
		// budget, one of scale 2 a sixteenth; at side 4 likewise.
		{[]string{"--seed", seed}, backbone.Structure{{3, 4, 8}, {4, 0, 4}}},
		{[]string{"--seed", bare, "--model", model}, backbone.Structure{{3, 4, 8}, {4, 0, 4}}},
		{[]string{"--seed", seed, "--factor", "0.5"}, backbone.Structure{{1, 4, 8}, {2, 0, 4}}},
		{[]string{"--seed", seed, "--neurons", "5,6"}, backbone.Structure{{1, 4, 8}, {4, 2, 4}}},
		{[]string{"--seed", seed, "--neurons", "5,6", "--exponent", "1"}, backbone.Structure{{1, 4, 8}, {2, 4, 4}}},
		{[]string{"--seed", seed, "--even"}, backbone.Structure{{3, 4, 8}, {3, 4, 4}}},
		{[]string{"--even", "--model", model, "--size", "16", "--neurons", "5,6"}, backbone.Structure{{3, 2, 16}, {3, 3, 8}}},
		{[]string{"--even", "--model", model, "--size", "16", "--scales", "1,2,4", "--neurons", "5,6"}, backbone.Structure{{2, 2, 1, 16}, {2, 2, 2, 8}}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "rows.json")
			status, stdout, stderr := scalenet(append([]string{"allocate", "--out", out, "--plots", filepath.Join(dir, "plots"), "--json"}, c.args...)...)
			require.Zero(t, status, stderr)
			rows, err := backbone.ReadStructure(out)
			require.NoError(t, err)
			require.Equal(t, c.want, rows)
			var report allocate.Report
			require.NoError(t, json.Unmarshal([]byte(stdout), &report))
			for k, b := range report.Blocks {
				require.Equal(t, c.want[k], append(b.Neurons, b.Side))
			}
			require.FileExists(t, filepath.Join(dir, "rows.report.json"))
			require.FileExists(t, filepath.Join(dir, "rows.report.md"))
			require.FileExists(t, filepath.Join(dir, "plots", "proportions.png"))
			require.FileExists(t, filepath.Join(dir, "plots", "receptive.png"))
			if c.args[0] == "--seed" && c.args[len(c.args)-1] != "--even" {
				require.FileExists(t, filepath.Join(dir, "plots", "importance.png"))
			}
		})
	}
}

func TestAllocateSeedAndStructure(t *testing.T) {
	out := filepath.Join(t.TempDir(), "rows.json")
	status, stdout, stderr := scalenet("allocate", "seed", "--model", "cifar_scalenet38", "--share", "0.5", "--out", out)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout)
	rows, err := backbone.ReadStructure(out)
	require.NoError(t, err)
	require.Equal(t, []int{8, 8, 8, 32}, rows[0])
	status, stdout, stderr = scalenet("allocate", "--structure", out, "--model", "cifar_scalenet38", "--neurons", "24,48,96")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "layer3.3")
	status, stdout, stderr = scalenet("allocate", "--structure", "scalenet50_light", "--neurons", "64,128,256,512")
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "46.1 %")
	require.Equal(t, 18, strings.Count(stdout, "\n"))
}

func TestAllocateErrors(t *testing.T) {
	seed, _ := tinySeed(t, true)
	bare, model := tinySeed(t, false)
	dir, images := t.TempDir(), t.TempDir()
	labels := filepath.Join(images, "labels.json")
	require.NoError(t, os.WriteFile(labels, []byte("[]"), 0o644))
	rows := func(text string) string {
		path := filepath.Join(dir, "rows.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"nothing", nil, []string{"--seed CHECKPOINT"}},
		{"no such file", []string{"--seed", "absent.safetensors"}, []string{"absent.safetensors"}},
		{"no metadata", []string{"--seed", bare}, []string{bare, "--model"}},
		{"another network", []string{"--seed", bare, "--model", "scalenet50"}, []string{bare, `"layer1.0.bn2.0.weight" has shape [4]`, "[62]"}},
		{"no SA blocks", []string{"--seed", bare, "--model", "resnet50"}, []string{bare, "no SA blocks"}},
		{"even without SA blocks", []string{"--even", "--model", "resnet50"}, []string{"resnet50", "no SA blocks"}},
		{"structure without SA blocks", []string{"--structure", "resnet50"}, []string{"resnet50", "no SA blocks"}},
		{"even of nothing", []string{"--even"}, []string{"--model"}},
		{"unknown budget", []string{"--seed", seed, "--budget", "flops"}, []string{`budget "flops"`, "macs, block or neurons"}},
		{"neurons not given", []string{"--seed", seed, "--budget", "neurons"}, []string{"--neurons"}},
		{"neurons of one stage", []string{"--seed", seed, "--neurons", "3"}, []string{"neurons [3]", "2 stages"}},
		{"neurons and multiply-adds", []string{"--seed", seed, "--budget", "macs", "--neurons", "3,3"}, []string{"neurons [3 3]"}},
		{"factor of neurons", []string{"--seed", seed, "--neurons", "3,3", "--factor", "0.5"}, []string{"--factor"}},
		{"no factor", []string{"--seed", seed, "--factor", "0"}, []string{"factor 0"}},
		{"too little", []string{"--seed", seed, "--factor", "0.01"}, []string{seed, "layer1.0", "the budget of 92 multiply-adds", "576 at scale 2"}},
		{"too many", []string{"--seed", seed, "--neurons", "3,9"}, []string{seed, "layer2.0", "9 neurons", "has 8"}},
		{"exponent", []string{"--seed", seed, "--exponent", "NaN"}, []string{"exponent NaN"}},
		{"other scales", []string{"--seed", seed, "--scales", "1,2,4"}, []string{"--scales"}},
		{"no scales", []string{"--even", "--model", model, "--scales", "2,4"}, []string{"scales [2 4]"}},
		{"small images", []string{"--even", "--model", "scalenet50", "--size", "64"}, []string{"--size 64: want 224 to 32768 for scalenet50"}},
		{"wrong in length", []string{"--structure", rows("[[1, 2, 8], [1, 4]]"), "--model", model}, []string{"rows.json", "row 2"}},
		{"of another network", []string{"--structure", "scalenet101", "--neurons", "88,175,349,697"}, []string{"scalenet101", "row 1 (layer1.0): 86 neurons, want 88"}},
		{"both", []string{"--structure", "scalenet50", "--seed", seed}, []string{"--structure"}},
		{"seed of a ResNet", []string{"seed", "--model", "resnet50", "--out", filepath.Join(dir, "x")}, []string{"resnet50", "no SA blocks"}},
		{"unknown importance", []string{"--seed", seed, "--importance", "size"}, []string{`importance "size"`, "gamma, output or loss"}},
		{"importance of nothing", []string{"--importance", "output"}, []string{"--importance output", "--seed"}},
		{"even by importance", []string{"--even", "--model", model, "--importance", "output"}, []string{"--importance has no effect with --even"}},
		{"even by score", []string{"--even", "--model", model, "--exponent", "2"}, []string{"--exponent has no effect with --even"}},
		{"even of a seed by score", []string{"--even", "--seed", seed, "--exponent", "2"}, []string{"--exponent has no effect with --even"}},
		{"scales of a structure", []string{"--structure", "scalenet50", "--scales", "1,2"}, []string{"--scales has no effect with --structure"}},
		{"size of a structure", []string{"--structure", "scalenet50", "--size", "64"}, []string{"--size has no effect with --structure"}},
		{"exponent of a structure", []string{"--structure", "scalenet50", "--exponent", "3"}, []string{"--exponent has no effect with --structure"}},
		{"factor of a structure", []string{"--structure", "scalenet50", "--factor", "5"}, []string{"--factor has no effect with --structure"}},
		{"budget of a structure", []string{"--structure", "scalenet50", "--budget", "block"}, []string{"--budget has no effect with --structure"}},
		{"bad images of nothing", []string{"--seed", seed, "--skip-bad"}, []string{"--skip-bad", "--importance loss, not for gamma"}},
		{"threads of nothing", []string{"--seed", seed, "--threads", "2"}, []string{"--threads is for --importance loss, not for gamma"}},
		{"over the data", []string{"--seed", seed, "--importance", "loss", "--data", images, "--out", labels, "--force"},
			[]string{labels, "is part of the input " + images}},
		{"no conv3", []string{"--seed", seed, "--importance", "output"}, []string{seed, `"layer1.0.conv3.weight" [16 8 1 1] is missing`}},
		{"loss without data", []string{"--seed", seed, "--importance", "loss"}, []string{"--data PATH"}},
		{"data without loss", []string{"--seed", seed, "--data", "cifar"}, []string{"--importance loss, not for gamma"}},
		{"loss of a network given", []string{"--seed", bare, "--model", model, "--importance", "loss", "--data", "cifar"}, []string{"leave out --model"}},
		{"no folder", []string{"--seed", seed, "--out", filepath.Join(dir, "no", "x.json")}, []string{"x.report.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stdout, stderr := scalenet(append([]string{"allocate"}, c.args...)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
			for _, w := range c.want {
				require.Contains(t, stderr, w)
			}
		})
	}
}

// A trained seed network has all measures of importance; the loss is measured on the training data.
func TestAllocateByMeasure(t *testing.T) {
	data, dir := tinyCIFAR(t), t.TempDir()
	run := filepath.Join(dir, "seed")
	status, _, stderr := scalenet("classify", "train", "--data", data, "--preset", "cifar", "--out", run, "--threads", "1", "--set", "batch=8", "--set", "train.epochs=1",
		"--set", "backbone={name: scalenet, stem: {channels: 4, kernel: 3, stride: 1}, blocks: [1, 1], planes: [4, 4], scales: [1, 2], structure: [[4, 4, 32], [4, 4, 16]]}")
	require.Zero(t, status, stderr)
	reports := map[string]allocate.Report{}
	for _, args := range [][]string{{"gamma"}, {"output"}, {"loss", "--data", data, "--threads", "1"}, {"loss", "--data", data, "--batches", "2", "--threads", "1"}} {
		status, stdout, stderr := scalenet(append([]string{"allocate", "--seed", filepath.Join(run, "last.safetensors"), "--json", "--importance"}, args...)...)
		require.Zero(t, status, stderr)
		var report allocate.Report
		require.NoError(t, json.Unmarshal([]byte(stdout), &report))
		require.Equal(t, allocate.Measure(args[0]), report.Measure)
		reports[strings.Join(args, " ")] = report
	}
	require.Len(t, reports, 4)
	for name, a := range reports {
		for other, b := range reports {
			require.Equal(t, name == other, a.Blocks[0].Importance[0].Mean == b.Blocks[0].Importance[0].Mean, "%s and %s", name, other)
		}
	}
	status, _, stderr = scalenet("allocate", "--seed", filepath.Join(run, "last.safetensors"), "--importance", "loss", "--data", filepath.Join(dir, "absent"))
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "absent")

	names, err := os.ReadFile(filepath.Join(data, "batches.meta.txt"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(data, "batches.meta.txt"), bytes.Replace(names, []byte("bird"), []byte("kite"), 1), 0o644))
	status, _, stderr = scalenet("allocate", "--seed", filepath.Join(run, "last.safetensors"), "--importance", "loss", "--data", data)
	requireError(t, status, stderr, `class 3 is "kite", that of the model is "bird": want the data that `+filepath.Join(run, "last.safetensors")+" was trained on")
}

// A structure's rows may be wrong in sum or side too.
func TestAllocateChecksStructures(t *testing.T) {
	_, model := tinySeed(t, false)
	for text, want := range map[string]string{
		"[[1, 2, 8], [1, 4, 8]]": "row 2 (layer2.0): side 8, want 4",
		"[[1, 2, 8], [1, 3, 4]]": "row 2 (layer2.0): 4 neurons, want 5",
		"[[1, 2, 8], [0, 0, 4]]": "row 2 has no neurons",
		"[[1, 2, 8]]":            "1 rows for 2 blocks",
	} {
		path := filepath.Join(t.TempDir(), "rows.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		status, _, stderr := scalenet("allocate", "--structure", path, "--model", model, "--neurons", "3,5")
		require.Equal(t, 1, status)
		require.Contains(t, stderr, path)
		require.Contains(t, stderr, want)
	}
}
