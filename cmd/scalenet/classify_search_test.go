package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"scalenet/train"

	"scalenet/backbone"
	"scalenet/classify"
)

// tinyCIFAR writes a few images of two classes, bright and dark, in CIFAR-10's
// binary form.
func tinyCIFAR(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "cifar-10-batches-bin")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"} {
		var records []byte
		for i := range 4 {
			records = append(records, byte(i%2))
			for range 3 * 32 * 32 {
				records = append(records, byte(100*(i%2)+r.IntN(120)))
			}
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), records, 0o644))
	}
	names := "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "batches.meta.txt"), []byte(names), 0o644))
	return dir
}

// tinySearch are the flags of a search of seconds: 2 blocks, 3 epochs of 3 steps.
func tinySearch(data, out string) []string {
	return []string{"classify", "search", "--data", data, "--preset", "cifar", "--out", out, "--budget", "block", "--threads", "1",
		"--set", "backbone={name: scalenet, stem: {channels: 4, kernel: 3, stride: 1}, blocks: [1, 1], planes: [4, 4], scales: [1, 2]}",
		"--set", "batch=8", "--set", "train.epochs=3", "--set", "train.lr=0.05", "--set", "train.save_steps=1", "--set", "train.log_steps=1"}
}

// timeColumns differ from run to run.
var timeColumns = regexp.MustCompile(`(?m)(,[0-9.e+]+,[0-9.e+]+$|"images_per_second":.*$)`)

// outcome is every file of a search that must not depend on interruptions.
func outcome(t *testing.T, dir string, copied ...string) map[string]string {
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		text := strings.ReplaceAll(string(data), dir, "DIR")
		for _, from := range copied {
			text = strings.ReplaceAll(text, from, "DIR")
		}
		if e.Name() == train.EventsFile { // has times and sessions
			text = ""
		}
		if ext := filepath.Ext(path); ext == ".csv" || ext == ".jsonl" {
			text = timeColumns.ReplaceAllString(text, "")
		}
		files[name] = text
		return err
	}))
	return files
}

func equalOutcomes(t *testing.T, want, got map[string]string) {
	for name, w := range want {
		g, ok := got[name]
		require.True(t, ok, "%s is missing", name)
		require.True(t, w == g, "%s differs", name)
	}
	require.Equal(t, len(want), len(got))
}

// stopper is a standard error that ends the search when a line with some text
// is written to it.
type stopper struct {
	bytes.Buffer
	at   string
	stop context.CancelFunc
}

func (s *stopper) Write(b []byte) (int, error) {
	if strings.Contains(string(b), s.at) {
		s.stop()
	}
	return s.Buffer.Write(b)
}

func TestClassifySearch(t *testing.T) {
	if testing.Short() {
		t.Skip("trains networks")
	}
	data := tinyCIFAR(t)
	whole := filepath.Join(t.TempDir(), "whole")
	status, stdout, stderr := scalenet(append(tinySearch(data, whole), "--json")...)
	require.Zero(t, status, stderr)
	var found []classify.SearchResult
	require.NoError(t, json.Unmarshal([]byte(stdout), &found))
	require.Len(t, found, 3)
	for i, name := range []string{"seed", "allocated", "even"} {
		require.Equal(t, name, found[i].Network)
		require.Positive(t, found[i].MACs)
		require.GreaterOrEqual(t, found[i].Top1, 0.0)
		m, err := classify.Load(filepath.Join(whole, name, "last.safetensors"))
		require.NoError(t, err)
		neurons := 0
		for _, row := range m.Config.Backbone.Structure {
			neurons += row[0] + row[1]
		}
		require.Equal(t, neurons, found[i].Neurons)
		if name == "seed" {
			require.Equal(t, backbone.Structure{{4, 4, 32}, {4, 4, 16}}, m.Config.Backbone.Structure)
			continue
		}
		rows, err := backbone.ReadStructure(filepath.Join(whole, "allocation", name+".json"))
		require.NoError(t, err)
		require.Equal(t, rows, m.Config.Backbone.Structure)
		require.LessOrEqual(t, found[i].MACs, found[0].MACs)
		require.FileExists(t, filepath.Join(whole, "allocation", name, "proportions.png"))
	}
	require.FileExists(t, filepath.Join(whole, "allocation", "allocated", "importance.png"))
	want := outcome(t, whole)

	// What the verbs do one by one is the same.
	t.Run("verbs", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "rows.json")
		status, _, stderr := scalenet("allocate", "--seed", filepath.Join(whole, "seed", "last.safetensors"), "--budget", "block", "--out", out)
		require.Zero(t, status, stderr)
		text, err := os.ReadFile(out)
		require.NoError(t, err)
		require.Equal(t, want["allocation/allocated.json"], string(text))
		status, _, stderr = scalenet("classify", "train", "--data", data, "--config", filepath.Join(whole, "allocated", "config.yaml"), "--out", filepath.Join(t.TempDir(), "again"), "--threads", "1")
		require.Zero(t, status, stderr)
	})

	// Stopped by Ctrl-C at the beginning of each training, and resumed each time.
	t.Run("interrupted between", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "stopped")
		args := tinySearch(data, dir)
		for _, at := range []string{"seed (network 1 of 3): training", "allocated (network 2 of 3): training", "even (network 3 of 3): training"} {
			ctx, cancel := context.WithCancel(t.Context())
			errs := &stopper{at: at, stop: cancel}
			require.Equal(t, 130, run(ctx, args, &bytes.Buffer{}, errs), errs.String())
			require.Contains(t, errs.String(), "stopped after step 0")
			args = []string{"classify", "search", "--out", dir, "--resume", "--threads", "1"}
		}
		status, _, stderr := scalenet(args...)
		require.Zero(t, status, stderr)
		require.Contains(t, stderr, "seed (network 1 of 3): already trained")
		require.Contains(t, stderr, "even (network 3 of 3): resuming after step 0")
		equalOutcomes(t, want, outcome(t, dir))
	})

	// Stopped in the middle of each training, as soon as it has saved something.
	t.Run("interrupted within", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "stopped")
		args := tinySearch(data, dir)
		stopped := 0
		for _, name := range []string{"seed", "allocated", "even"} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for ctx.Err() == nil {
					if _, err := os.Stat(filepath.Join(dir, name, "state.safetensors")); err == nil {
						cancel()
					}
					time.Sleep(time.Millisecond)
				}
			}()
			var errs bytes.Buffer
			if status := run(ctx, args, &bytes.Buffer{}, &errs); status == 130 {
				require.Regexp(t, "stopped after step [0-9]", errs.String())
				stopped++
			}
			cancel()
			args = append(tinySearch(data, dir), "--resume") // the same flags again
		}
		require.Positive(t, stopped)
		status, _, stderr := scalenet(args...)
		require.Zero(t, status, stderr)
		equalOutcomes(t, want, outcome(t, dir))
	})

	// Killed: what a step had not finished writing is missing, or lies about.
	for name, remove := range map[string][]string{
		"before the seed's first save":   {"seed/state.safetensors", "seed/last.safetensors", "seed/best.safetensors", "allocation", "allocated", "even", "found.json", "found.md"},
		"between the seed's last writes": {"seed/last.safetensors", "allocation", "allocated", "even"},
		"before the structure":           {"allocation/allocated.json", "allocated", "even"},
		"before the images":              {"allocation", "allocated", "even"},
		"before the new network's state": {"allocated/state.safetensors", "even"},
		"before the outcome":             {"found.json", "found.md"},
	} {
		t.Run("killed "+name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "killed")
			require.NoError(t, os.CopyFS(dir, os.DirFS(whole)))
			for _, r := range remove {
				require.NoError(t, os.RemoveAll(filepath.Join(dir, r)))
			}
			status, _, stderr := scalenet("classify", "search", "--out", dir, "--resume", "--threads", "1")
			require.Zero(t, status, stderr)
			equalOutcomes(t, want, outcome(t, dir, whole))
		})
	}

	// The even network alone needs no seed, and comes out the same.
	t.Run("even alone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "even")
		status, stdout, stderr := scalenet(append(tinySearch(data, dir), "--networks", "even")...)
		require.Zero(t, status, stderr)
		require.Equal(t, 2, strings.Count(stdout, "\n"))
		require.NoDirExists(t, filepath.Join(dir, "seed"))
		require.Equal(t, want["even/last.safetensors"], outcome(t, dir)["even/last.safetensors"])
	})

	// What is done is not touched.
	t.Run("done", func(t *testing.T) {
		before := map[string]time.Time{}
		for name := range want {
			if !strings.HasPrefix(name, "found") {
				info, err := os.Stat(filepath.Join(whole, name))
				require.NoError(t, err)
				before[name] = info.ModTime()
			}
		}
		status, stdout, stderr := scalenet("classify", "search", "--out", whole, "--resume")
		require.Zero(t, status, stderr)
		require.Equal(t, 3, strings.Count(stderr, "already trained"))
		require.Equal(t, 4, strings.Count(stdout, "\n"))
		for name, at := range before {
			info, err := os.Stat(filepath.Join(whole, name))
			require.NoError(t, err)
			require.Equal(t, at, info.ModTime(), name)
		}
		equalOutcomes(t, want, outcome(t, whole))
	})

	t.Run("begun already", func(t *testing.T) {
		for _, c := range []struct {
			more []string
			want string
		}{
			{nil, "a search already exists"},
			{[]string{"--resume", "--exponent", "1"}, "begun with other settings"},
			{[]string{"--resume", "--set", "train.epochs=4"}, "begun with other settings"},
		} {
			status, stdout, stderr := scalenet(replaced(tinySearch(data, whole), c.more...)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
		}
	})
}

// Everything that can be wrong is said before the seed is trained.
func TestClassifySearchErrors(t *testing.T) {
	data := tinyCIFAR(t)
	for _, c := range []struct {
		name string
		more []string
		want []string
	}{
		{"no SA blocks", []string{"--set", "backbone={name: cifar_resnet38, stem: null, blocks: null, planes: null, scales: null}"}, []string{"no SA blocks"}},
		{"no evaluation", []string{"--set", "train.eval_epochs=0"}, []string{"train.eval_epochs = 0"}},
		{"no networks", []string{"--networks", ""}, []string{"networks []"}},
		{"unknown network", []string{"--networks", "resnet"}, []string{"networks [resnet]"}},
		{"a network twice", []string{"--networks", "even,even"}, []string{"networks [even even]"}},
		{"too many neurons", []string{"--budget", "neurons", "--neurons", "4,9"}, []string{"layer2.0: a budget of 9 neurons, but the seed network has 8"}},
		{"neurons of one stage", []string{"--budget", "neurons", "--neurons", "4"}, []string{"neurons [4]"}},
		{"factor", []string{"--factor", "-1"}, []string{"factor -1"}},
		{"tiny factor", []string{"--factor", "1e-6"}, []string{"layer1.0", "multiply-adds"}},
		// A quarter of the budget is one neuron of scale 1.
		{"too little for the best neuron", []string{"--factor", "0.2"}, []string{"seed network: layer1.0", "is too small for the neuron with the highest score, which takes 53248 at scale 1"}},
		{"exponent", []string{"--exponent", "99"}, []string{"exponent 99"}},
		{"share", []string{"--share", "0"}, []string{"share 0"}},
		{"no data", []string{"--data", filepath.Join(data, "absent")}, []string{"absent"}},
		{"nothing to resume", []string{"--resume"}, []string{"search.yaml: there is no search to resume"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "search")
			status, stdout, stderr := scalenet(replaced(tinySearch(data, out), c.more...)...)
			require.Equal(t, 1, status)
			require.Empty(t, stdout)
			last := strings.Split(strings.TrimSpace(stderr), "\n")
			for _, w := range c.want {
				require.Contains(t, last[len(last)-1], w)
			}
			require.NoFileExists(t, filepath.Join(out, "search.yaml"))
		})
	}
	status, _, stderr := scalenet("classify", "search", "--out", t.TempDir())
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "--data is missing")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "search.yaml"), []byte("budgets: 3\n"), 0o644))
	status, _, stderr = scalenet("classify", "search", "--out", dir, "--resume")
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "search.yaml")
	require.Contains(t, stderr, "budgets")
}
