package detector

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/internal/config"
)

// changed is a file of the model with its configuration or tensors changed, as
// an earlier version of the program, which wrote no digest, may have left it.
func changed(t *testing.T, m *Model, change func(*checkpoint.File)) string {
	t.Helper()
	f := &checkpoint.File{Metadata: m.Metadata(), Tensors: m.Tensors()}
	change(f)
	path := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, checkpoint.Save(path, f))
	return path
}

func replace(key, old, now string) func(*checkpoint.File) {
	return func(f *checkpoint.File) { f.Metadata[key] = strings.Replace(f.Metadata[key], old, now, 1) }
}

func TestLoadKeepsValuesAndDigest(t *testing.T) {
	m := newModel(t, smallConfig())
	path := changed(t, m, func(*checkpoint.File) {})
	got, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, m.Tensors(), got.Tensors())
	require.Equal(t, m.Config, got.Config)
	require.NotEqual(t, checkpoint.Digest{}, got.Digest)
	again, err := Load(path, checkpoint.NoVerify)
	require.NoError(t, err)
	require.Equal(t, got.Digest, again.Digest)
}

func TestLoadRefusesTheStateOfARun(t *testing.T) {
	path := changed(t, newModel(t, smallConfig()), func(f *checkpoint.File) { f.Metadata[checkpoint.StateKey] = "{}" })
	_, err := Load(path)
	require.ErrorContains(t, err, path+": the state of a training run, not a model")
	_, err = newModel(t, smallConfig()).Init(path)
	require.ErrorContains(t, err, path+": the state of a training run, not a model")
	path = changed(t, newModel(t, smallConfig()), func(f *checkpoint.File) { // of a classifier
		delete(f.Metadata, checkpoint.DetectorKey)
		f.Metadata[checkpoint.ClassifierKey], f.Metadata[checkpoint.StateKey] = "{}", "{}"
	})
	_, err = Load(path)
	require.ErrorContains(t, err, path+": the state of a training run, not a model")
}

// A model has a name for each class; a run that could not load its own model is not begun.
func TestClassesWithoutOwnName(t *testing.T) {
	_, err := New(smallConfig(), []string{"cat", ""}, 1)
	require.EqualError(t, err, "detector: class 2 has no name")
	_, err = Load(changed(t, newModel(t, smallConfig()), func(f *checkpoint.File) { f.Metadata["scalenet.classes"] = `["cat", "cat"]` }))
	require.ErrorContains(t, err, `metadata scalenet.classes: classes 1 and 2 have the same name "cat"`)
}

func TestLoadRefusesDamage(t *testing.T) {
	path := changed(t, newModel(t, smallConfig()), func(*checkpoint.File) {})
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, at := range []int{len(b) - 1, len(b) / 2} {
		b[at] ^= 1
		require.NoError(t, os.WriteFile(path, b, 0o644))
		_, err = Load(path)
		require.ErrorContains(t, err, path+": the file is damaged")
		_, err = Load(path, checkpoint.NoVerify)
		require.NoError(t, err)
		b[at] ^= 1
	}
}

func TestLoadRefusesValuesThatNoTrainingGives(t *testing.T) {
	m := newModel(t, smallConfig())
	for _, value := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, -1e20} {
		path := changed(t, m, func(f *checkpoint.File) {
			f.Tensors[0] = checkpoint.Float32Tensor(f.Tensors[0].Name, f.Tensors[0].Shape, make([]float32, f.Tensors[0].Len()))
			copy(f.Tensors[0].Data[12:], checkpoint.Float32Tensor("", nil, []float32{float32(value)}).Data)
		})
		want := fmt.Sprintf("%s: tensor %q has the value %v at [3]", path, m.Params.All()[0].Name, float32(value))
		_, err := Load(path)
		require.ErrorContains(t, err, want)
		_, err = Load(path, checkpoint.NoVerify)
		require.ErrorContains(t, err, want, "also in a hurry")
		_, err = newModel(t, smallConfig()).Init(path)
		require.ErrorContains(t, err, want)
	}
	path := changed(t, m, func(f *checkpoint.File) {
		for i, t := range f.Tensors {
			if strings.HasSuffix(t.Name, "running_var") {
				f.Tensors[i] = checkpoint.Float32Tensor(t.Name, t.Shape, append(make([]float32, t.Len()-1), -1))
			}
		}
	})
	_, err := Load(path)
	require.ErrorContains(t, err, "a variance must not be negative")
}

// Sizes that no detector has are refused by their keys, in a line.
func TestLoadBoundsWhatTheConfigurationAsksFor(t *testing.T) {
	m := newModel(t, smallConfig())
	text := m.Metadata()[checkpoint.DetectorKey]
	long := strings.TrimSuffix(strings.Repeat("7, ", 20_000), ", ")
	longest := strings.Repeat(long+", ", 5) + "7"
	for key, value := range map[string]string{
		"rpn.channels": "200000000", "rpn.anchors.sizes": "[" + long + "]", "rpn.anchors.ratios": "[" + longest + "]",
		"rpn.anchors.stride": "1000000000", "rpn.objectness": strings.Repeat("x", 1<<20), "rpn.box_weights": "[.inf, 1, 1, 1]",
		"rpn.proposals.test.before_nms": "1000000000", "rpn.proposals.test.after_nms": "1000000000", "rpn.proposals.train.after_nms": "1000000000",
		"rpn.targets.samples": "1000000000", "roi.targets.samples": "1000000000", "roi.align.size": "100000",
		"roi.align.sampling_ratio": "100000", "roi.detections.per_image": "1000000000",
		"input.test_shorter": "200000", "input.test_longest": "200000", "input.longest": "200000", "input.shorter": "[" + long + "]",
		"input.divisor": "1000000000", "input.mean": "[.nan, 0, 0]", "input.std": "[.inf, 1, 1]", "batch": "1000000000", "feature_stage": "1000000000",
		"backbone.stem.channels": "1000000000", "backbone.stem.kernel": "1000000001", "backbone.blocks": "[1000000000, 1, 1, 1]",
		"backbone.planes": "[1000000000, 4, 8, 8]", "backbone.strides": "[1000000000, 1, 1, 1]", "backbone.scales": "[1, 1000000000]",
		"backbone.structure": "[[3, 2, 1000000000], [3, 2, 8], [6, 3, 4], [6, 3, 2]]",
	} {
		c, err := Parse([]byte(text), "")
		require.NoError(t, err)
		err = config.Assign(&c, key+"="+value)
		require.NoError(t, err, key)
		path := changed(t, m, func(f *checkpoint.File) { f.Metadata[checkpoint.DetectorKey] = c.YAML() })
		begin := processorTime(t)
		_, err = Load(path)
		require.Error(t, err, key)
		require.Less(t, len(err.Error()), 700, key)
		require.NotContains(t, err.Error(), "\n", key)
		require.Less(t, processorTime(t)-begin, 5*time.Second, key)
	}
}

// processorTime is that of the process so far. The time on the clock would be that of all processes of a busy machine.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// What a configuration needs is compared with the file before memory is taken
// for it: the shapes below ask for up to 10^15 bytes.
func TestLoadComparesBeforeItAllocates(t *testing.T) {
	m := newModel(t, smallConfig())
	for old, now := range map[string]string{
		fmt.Sprintf("    channels: %d\n    depth", m.Config.RPN.Channels):      "    channels: 16384\n    depth",
		fmt.Sprintf("    planes: [%d", m.Config.Backbone.Planes[0]):            "    planes: [16384",
		fmt.Sprintf("        channels: %d\n", m.Config.Backbone.Stem.Channels): "        channels: 16384\n",
	} {
		require.Contains(t, m.Metadata()[checkpoint.DetectorKey], old)
		_, err := Load(changed(t, m, replace(checkpoint.DetectorKey, old, now)))
		require.ErrorContains(t, err, "the model wants")
	}
	_, err := Load(changed(t, m, func(f *checkpoint.File) {
		names := []byte(`["0"`)
		for i := range 1_000_000 {
			names = fmt.Appendf(names, `,"%d"`, i+1)
		}
		f.Metadata["scalenet.classes"] = string(names) + "]"
	}))
	require.ErrorContains(t, err, "the model wants [1000002 ")
}

// FuzzLoad changes the configuration and the classes of a model's file. Loading it
// takes no more than the file's parameters do.
func FuzzLoad(f *testing.F) {
	m, err := New(smallConfig(), []string{"a", "b"}, 3)
	require.NoError(f, err)
	text := m.Config.YAML()
	f.Add(text, `["a", "b"]`)
	f.Add(strings.Replace(text, "channels: 16", "channels: 16384", 1), `["a"]`)
	f.Add(strings.Replace(text, "blocks: [1", "blocks: [500", 1), `["a"]`)
	f.Add(strings.Replace(text, "test_shorter: 64", "test_shorter: 8192", 1), `{}`)
	f.Fuzz(func(t *testing.T, config, classes string) {
		file := &checkpoint.File{Tensors: m.Tensors(), Metadata: map[string]string{checkpoint.DetectorKey: config, "scalenet.classes": classes}}
		var b bytes.Buffer
		require.NoError(t, file.Encode(&b))
		r, err := checkpoint.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()), "fuzz")
		if err != nil {
			return // text that is not UTF-8
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := processorTime(t)
		_, err = read(r)
		took := processorTime(t) - begin
		if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 256<<20 || took > 10*time.Second {
			t.Fatalf("%d bytes and %v for a file of %d: %v", after.TotalAlloc-before.TotalAlloc, took, b.Len(), err)
		}
	})
}
