package allocate

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalenet/backbone"
	"scalenet/checkpoint"
)

// gammas are the tensors of a small network's seed: block, scale, neuron.
func gammas(values ...[][]float32) (list []checkpoint.Tensor) {
	for k, block := range values {
		for l, v := range block {
			if len(v) > 0 {
				name := "layer1." + string(rune('0'+k)) + ".bn2." + string(rune('0'+l)) + ".weight"
				list = append(list, checkpoint.Float32Tensor(name, []int{len(v)}, v))
			}
		}
	}
	return list
}

func metadataOf(t testing.TB, key string, config backbone.Config) map[string]string {
	text, err := yaml.Marshal(map[string]any{"backbone": config, "batch": 64})
	require.NoError(t, err)
	return map[string]string{key: string(text)}
}

func save(t testing.TB, metadata map[string]string, tensors ...checkpoint.Tensor) string {
	path := filepath.Join(t.TempDir(), "seed.safetensors")
	require.NoError(t, checkpoint.Save(path, &checkpoint.File{Metadata: metadata, Tensors: tensors}))
	return path
}

func TestReadSeed(t *testing.T) {
	config := small([]int{2, 0, 1}, []int{1, 1, 1})
	tensors := append(gammas([][]float32{{-0.5, 0.25}, nil, {2}}, [][]float32{{1}, {-1}, {0}}),
		checkpoint.Float32Tensor("layer1.0.bn2.0.bias", []int{2}, []float32{9, 9}),
		checkpoint.Float32Tensor("fc.weight", []int{1, 2}, []float32{9, 9}))
	want := [][][]float64{{{0.5, 0.25}, nil, {2}}, {{1}, {1}, {0}}}
	for name, path := range map[string]string{
		"classifier": save(t, metadataOf(t, "scalenet.classifier", config), tensors...),
		"detector":   save(t, metadataOf(t, "scalenet.detector", config), tensors...),
	} {
		seed, err := ReadSeed(path, nil, Gamma)
		require.NoError(t, err, name)
		require.Equal(t, want, seed.Importance, name)
		require.Equal(t, config.Structure, seed.Config.Structure, name)
	}
	path := save(t, nil, tensors...)
	seed, err := ReadSeed(path, &config, Gamma)
	require.NoError(t, err)
	require.Equal(t, want, seed.Importance)

	half := tensors
	for i, x := range tensors {
		half[i], err = x.Convert(checkpoint.BF16)
		require.NoError(t, err)
	}
	seed, err = ReadSeed(save(t, nil, half...), &config, Gamma)
	require.NoError(t, err)
	require.Equal(t, want, seed.Importance, "bfloat16 holds these numbers")
}

// The same file gives the same bytes.
func TestAllocationIsReproducible(t *testing.T) {
	config := small([]int{4, 4, 4}, []int{4, 4, 4})
	equal := []float32{1, 1, 1, 1}
	path := save(t, metadataOf(t, "scalenet.classifier", config), gammas([][]float32{equal, equal, equal}, [][]float32{{1, 2, 1, 2}, {2, 1, 2, 1}, equal})...)
	var first [3][]byte
	for range 3 {
		seed, err := ReadSeed(path, nil, Gamma)
		require.NoError(t, err)
		a, err := seed.Allocate(macs(1), 0)
		require.NoError(t, err)
		out := filepath.Join(t.TempDir(), "rows.json")
		require.NoError(t, a.Write(out))
		for i, name := range []string{out, strings.TrimSuffix(out, ".json") + ".report.json", strings.TrimSuffix(out, ".json") + ".report.md"} {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			if first[i] == nil {
				first[i] = data
			}
			require.Equal(t, string(first[i]), string(data))
		}
	}
	require.Equal(t, "[\n  [0, 4, 4, 4],\n  [1, 2, 0, 4]\n]\n", string(first[0]))
	rows := strings.Split(strings.TrimSpace(string(first[2])), "\n")[2:]
	for _, row := range rows {
		require.Equal(t, strings.Count(rows[1], "|"), strings.Count(row, "|"), "a table of Markdown: %s", row)
	}
}

func TestReadSeedErrors(t *testing.T) {
	config := small([]int{2, 0, 1})
	good := gammas([][]float32{{1, 1}, nil, {1}})
	described := metadataOf(t, "scalenet.classifier", config)
	broken := func(v float32) []checkpoint.Tensor { return gammas([][]float32{{1, v}, nil, {1}}) }
	inf := float32(math.Inf(1))
	resnet := backbone.Config{Name: "resnet50"}
	text := func(s string) map[string]string { return map[string]string{"scalenet.classifier": s} }
	for _, c := range []struct {
		name     string
		metadata map[string]string
		model    *backbone.Config
		tensors  []checkpoint.Tensor
		want     []string
	}{
		{"NaN", described, nil, broken(float32(math.NaN())), []string{`"layer1.0.bn2.0.weight" [1] is NaN`}},
		{"infinite", described, nil, broken(inf), []string{`"layer1.0.bn2.0.weight" [1] is +Inf`}},
		{"negative infinite", described, nil, broken(-inf), []string{`"layer1.0.bn2.0.weight" [1] is -Inf`}},
		{"missing tensor", described, nil, good[:1], []string{`tensor "layer1.0.bn2.2.weight" [1] is missing`}},
		{"no tensors", described, nil, nil, []string{`tensor "layer1.0.bn2.0.weight" [2] is missing`}},
		{"fewer neurons", described, nil, gammas([][]float32{{1}, nil, {1}}), []string{`"layer1.0.bn2.0.weight" has shape [1]`, "wants [2]"}},
		{"other shape", described, nil, []checkpoint.Tensor{checkpoint.Float32Tensor("layer1.0.bn2.0.weight", []int{2, 1}, []float32{1, 1})}, []string{"has shape [2 1]"}},
		{"a scale more", described, nil, gammas([][]float32{{1, 1}, {1}, {1}}), []string{`"layer1.0.bn2.1.weight" [1]`, "no neurons in the network's structure"}},
		{"a block more", described, nil, append(gammas([][]float32{{1, 1}, nil, {1}}), checkpoint.Float32Tensor("layer2.0.bn2.0.weight", []int{1}, []float32{1})), []string{`"layer2.0.bn2.0.weight"`}},
		{"not described", nil, nil, good, []string{"scalenet.classifier or scalenet.detector", "--model"}},
		{"no SA blocks", nil, &resnet, good, []string{`backbone.name "resnet50"`, "no SA blocks"}},
		{"no SA blocks by metadata", metadataOf(t, "scalenet.detector", resnet), nil, good, []string{`backbone.name "resnet50"`, "no SA blocks"}},
		{"broken YAML", text("backbone: ["), nil, good, []string{"metadata scalenet.classifier"}},
		{"no backbone", text("batch: 3"), nil, good, []string{"metadata scalenet.classifier: backbone is missing"}},
		{"backbone is no map", text("backbone: 3"), nil, good, []string{"metadata scalenet.classifier: backbone"}},
		{"unknown key", text("backbone: {name: scalenet50, layers: 3}"), nil, good, []string{"layers"}},
		{"unknown name", text("backbone: {name: vgg}"), nil, good, []string{`backbone.name "vgg"`}},
		{"no structure", text("backbone: {name: scalenet, blocks: [1], planes: [2]}"), nil, good, []string{"structure: 0 rows for 1 blocks"}},
		{"row of another length", text("backbone: {name: scalenet, blocks: [1], planes: [2], scales: [1, 2], structure: [[1, 4]]}"), nil, good, []string{"row 1 has 2 numbers, want 2 scales and the side"}},
		{"row without neurons", text("backbone: {name: scalenet, blocks: [1], planes: [2], scales: [1, 2], structure: [[0, 0, 4]]}"), nil, good, []string{"row 1 has no neurons"}},
		{"row without a side", text("backbone: {name: scalenet, blocks: [1], planes: [2], scales: [1, 2], structure: [[1, 0, 0]]}"), nil, good, []string{"row 1: side 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := save(t, c.metadata, c.tensors...)
			_, err := ReadSeed(path, c.model, Gamma)
			for _, w := range append(c.want, path) {
				require.ErrorContains(t, err, w)
			}
		})
	}
	dir := t.TempDir()
	_, err := ReadSeed(filepath.Join(dir, "absent.safetensors"), nil, Gamma)
	require.ErrorContains(t, err, "absent.safetensors")
	_, err = ReadSeed(filepath.Join(dir, "a.pth"), nil, Gamma)
	require.ErrorContains(t, err, "scalenet convert")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "text"), []byte("no checkpoint at all"), 0o644))
	_, err = ReadSeed(filepath.Join(dir, "text"), nil, Gamma)
	require.ErrorContains(t, err, "text: not a safetensors file")
}

func TestReport(t *testing.T) {
	seed := seedOf(t, [][]float64{{.9, .6}, {.75, .25, .5}, {}})
	a, err := seed.Allocate(macs(1), 0)
	require.NoError(t, err)
	r := a.Report()
	require.Equal(t, BlockReport{Name: "layer1.0", Side: 4, Planes: 2, Neurons: []int{1, 1, 0}, Limit: 576, Used: 360, MACs: 360, Replaced: 576, Threshold: .75,
		Importance: []Statistic{{2, .6, .75, .75, .9}, {3, .25, .5, .5, .75}, {}}}, r.Blocks[0])
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text))
	require.Contains(t, text.String(), "62.5 %")
	out := filepath.Join(t.TempDir(), "rows.json")
	require.NoError(t, a.Write(out))
	data, err := os.ReadFile(strings.TrimSuffix(out, ".json") + ".report.json")
	require.NoError(t, err)
	var again Report
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, *r, again)
	require.ErrorContains(t, a.Write(filepath.Join(out, "rows.json")), "rows.json")
}

// A file gives an error or an allocation within the budget.
func FuzzReadSeed(f *testing.F) {
	config := small([]int{2, 0, 1})
	for _, tensors := range [][]checkpoint.Tensor{gammas([][]float32{{1, -2}, nil, {.5}}), gammas([][]float32{{1}}), nil} {
		for _, metadata := range []map[string]string{metadataOf(f, "scalenet.classifier", config), {"scalenet.detector": "backbone: {name: scalenet50}"}, nil} {
			data, err := os.ReadFile(save(f, metadata, tensors...))
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "seed.safetensors")
		require.NoError(t, os.WriteFile(path, data, 0o644))
		seed, err := ReadSeed(path, nil, Gamma)
		if err != nil {
			require.Contains(t, err.Error(), "seed.safetensors")
			return
		}
		a, err := seed.Allocate(macs(1), 0)
		if err != nil {
			require.Contains(t, err.Error(), "seed.safetensors")
			return
		}
		for _, b := range a.Blocks {
			require.LessOrEqual(t, b.Used, b.Limit)
		}
	})
}

// The metadata's YAML gives an error or a configuration.
func FuzzDescribedBy(f *testing.F) {
	for _, s := range []string{"", "backbone:", "backbone: {name: scalenet50}", "backbone: &a [*a]", "backbone: {structure: [[1]]}", "- 1", "backbone: !!binary x", "? a\n: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		config, err := describedBy(map[string]string{"scalenet.classifier": text})
		if err != nil {
			require.Contains(t, err.Error(), "scalenet.classifier")
			return
		}
		require.NotNil(t, config)
	})
}
