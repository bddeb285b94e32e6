package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/backbone"
	"scalenet/classify"
)

func TestSummaryTable(t *testing.T) {
	status, stdout, stderr := scalenet("summary")
	require.Zero(t, status, stderr)
	require.Equal(t, strings.TrimPrefix(`
     part  parameters  multiply-adds
     stem       9,536    118,013,952
  stage 1     275,856    726,561,280
  stage 2   1,532,792  1,003,758,336
  stage 3   8,956,508  1,350,203,904
  stage 4  18,659,926    617,786,880
       fc   2,049,000      2,048,000
    total  31,483,618  3,818,372,352
`, "\n"), stdout)
}

func TestSummaryJSON(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		return path
	}
	light, err := os.ReadFile(filepath.Join("..", "..", "backbone", "structures", "scalenet50_light.json"))
	require.NoError(t, err)
	small := "name: scalenet\nblocks: [1, 1]\nplanes: [8, 8]\nstructure: [[3, 2, 1, 1, 28], [4, 2, 0, 1, 14]]\n"
	for _, c := range []struct {
		args         []string
		params, macs int
	}{
		{[]string{"--model", "scalenet50_light"}, 23_631_912, 2_861_475_840},
		{[]string{"--model", file("rows.json", string(light))}, 23_631_912, 2_861_475_840},
		{[]string{"--model", "resnet50", "--size", "224x224"}, 25_557_032, 4_089_184_256},
		{[]string{"--model", "resnet50", "--classes", "10"}, 25_557_032 - 990*2049, 4_089_184_256 - 990*2048},
		{[]string{"--model", file("resnet.json", `{"name": "resnet50"}`)}, 25_557_032, 4_089_184_256},
		{[]string{"--model", file("small.yaml", small), "--size", "112x144", "--classes", "4"}, 0, 0},
		{[]string{"--model", filepath.Join("..", "..", "models", "bccd.safetensors"), "--size", "384x512"}, 0, 0},
		{[]string{"--model", filepath.Join("..", "..", "models", "backbone.safetensors"), "--size", "128"}, 0, 0},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			status, stdout, stderr := scalenet(append([]string{"summary", "--json"}, c.args...)...)
			require.Zero(t, status, stderr)
			var got summary
			require.NoError(t, json.Unmarshal([]byte(stdout), &got))
			require.Equal(t, c.args[1], got.Model)
			sum := [2]int{}
			for _, p := range got.Parts {
				sum[0] += p.Params
				sum[1] += p.MACs
			}
			require.Equal(t, sum, [2]int{got.Params, got.MACs})
			if c.params > 0 {
				require.Equal(t, [2]int{c.params, c.macs}, sum)
			}
		})
	}
}

// A trained classifier is counted with its own classes and at its own input size.
func TestSummaryOfClassifier(t *testing.T) {
	c := classify.Default()
	c.Backbone = backbone.Config{Name: "resnet", Stem: backbone.Stem{Channels: 8, Kernel: 3}, Blocks: []int{1, 1}, Planes: []int{4, 8}}
	c.Input.Size, c.Input.TestResize = 48, 48
	m, err := classify.New(c, []string{"a", "b", "c"}, 1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, m.Save(path))
	for size, more := range map[[2]int][]string{{48, 48}: nil, {32, 64}: {"--size", "32x64"}} {
		status, stdout, stderr := scalenet(append([]string{"summary", "--json", "--model", path}, more...)...)
		require.Zero(t, status, stderr)
		var got summary
		require.NoError(t, json.Unmarshal([]byte(stdout), &got))
		require.Equal(t, size, [2]int{got.Height, got.Width})
		require.Equal(t, backbone.Cost{Part: "fc", Params: 33 * 3, MACs: 32 * 3}, got.Parts[len(got.Parts)-1])
	}
	status, _, stderr := scalenet("summary", "--model", path, "--classes", "1000")
	requireError(t, status, stderr, "--classes: "+path+" has the classes that it was trained on")
}

func TestSummaryAll(t *testing.T) {
	status, stdout, stderr := scalenet("summary", "--all")
	require.Zero(t, status, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Len(t, lines, 1+len(backbone.Names()))
	var squeezed []string
	for _, l := range lines {
		squeezed = append(squeezed, strings.Join(strings.Fields(l), " "))
	}
	require.Contains(t, squeezed, "scalenet50 ImageNet 224 31,483,618 - 3,818,372,352 3.8 G 22.20 6.04")
	require.Contains(t, squeezed, "xception ImageNet 299 22,855,952 22.855952 M 8,357,403,496 8.4 G - -")

	status, stdout, stderr = scalenet("summary", "--all", "--json")
	require.Zero(t, status, stderr)
	var all []counted
	require.NoError(t, json.Unmarshal([]byte(stdout), &all))
	for i, name := range backbone.Names() {
		require.Equal(t, name, all[i].Model)
		require.Positive(t, all[i].Params)
		require.Equal(t, backbone.PublishedOf(name), all[i].Published)
	}
}

func TestSummaryErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, file string // file's content, given as --model; none where empty
		args       []string
		want       []string
	}{
		{"all of one", "", []string{"--all", "--model", "resnet50"}, []string{"all", "model"}},
		{"no side", "", []string{"--size", ""}, []string{"--size", `""`}},
		{"zero side", "", []string{"--size", "0"}, []string{"--size", `"0"`}},
		{"negative side", "", []string{"--size", "224x-1"}, []string{`"224x-1"`}},
		{"three sides", "", []string{"--size", "1x2x3"}, []string{`"1x2x3"`}},
		{"huge side", "", []string{"--size", "100000"}, []string{"65536"}},
		{"small image", "", []string{"--size", "16"}, []string{"--size 16: want at least 128 for scalenet50"}},
		{"no classes", "", []string{"--classes", "0"}, []string{"--classes 0"}},
		{"no such model", "", []string{"--model", "scalenet51"}, []string{`"scalenet51"`, "scalenet50_light"}},
		{"a folder", "", []string{"--model", dir}, []string{dir, "directory"}},
		{"empty file", " ", nil, []string{"model.yaml"}},
		{"broken YAML", "name: [", nil, []string{"model.yaml", "yaml"}},
		{"unknown key", "name: resnet\nlayers: 3\n", nil, []string{"model.yaml", "line 2", "layers"}},
		{"no name", "blocks: [1]\n", nil, []string{"model.yaml", "name"}},
		{"unknown name", "name: vgg\n", nil, []string{"model.yaml", `"vgg"`}},
		{"broken rows", "[[1, 2", nil, []string{"model.yaml", "JSON"}},
		{"odd number of rows", "[[1, 2, 3, 4, 56]]", nil, []string{"model.yaml", "1 rows", "16"}},
		{"classes of a detector", "", []string{"--model", filepath.Join("..", "..", "models", "bccd.safetensors"), "--classes", "7"},
			[]string{"--classes", "bccd.safetensors", "trained on"}},
		{"no model", "", []string{"--model", "nowhere.safetensors"}, []string{"nowhere.safetensors"}},
		{"missing structure", "name: scalenet50\nstructure_file: nowhere.json\n", nil, []string{"model.yaml", "nowhere.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append([]string{"summary"}, c.args...)
			if c.file != "" {
				path := filepath.Join(dir, "model.yaml")
				require.NoError(t, os.WriteFile(path, []byte(c.file), 0o644))
				args = append(args, "--model", path)
			}
			status, stdout, stderr := scalenet(args...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
			for _, w := range c.want {
				require.Contains(t, stderr, w)
			}
		})
	}
}
