package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/engine/cpu"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func writeModel(t *testing.T, path string, seed uint64) {
	c := detector.Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 8, Kernel: 3},
		Blocks: []int{1, 1, 1, 1}, Planes: []int{4, 4, 8, 8}, Scales: []int{1, 2},
		Structure: backbone.Structure{{3, 2, 16}, {3, 2, 8}, {6, 3, 4}, {6, 3, 2}}}
	c.RPN.Channels = 16
	c.RPN.Proposals.Test.AfterNMS = 10
	c.RoI.Align.Size = 4
	c.Input.TestShorter, c.Input.TestLongest = 64, 128
	c.Frozen = detector.Frozen{Stages: -1}
	m, err := detector.New(c, []string{"cat"}, seed)
	require.NoError(t, err)
	require.NoError(t, m.Save(path))
}

// opened counts the models that are open.
type opened struct{ n atomic.Int32 }

func (o *opened) open(m *detector.Model) (*detector.Detector, func(), error) {
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		return nil, nil, err
	}
	d := detector.NewDetector(m, dev, detector.Options{})
	o.n.Add(1)
	return d, func() { d.Close(); dev.Close(); o.n.Add(-1) }, nil
}

func TestSources(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.safetensors", "b.safetensors", "notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o644))
	}
	a := filepath.Join(folder, "a.safetensors")
	empty := t.TempDir()
	for name, c := range map[string]struct {
		values []string
		want   []Source
		err    string
	}{
		"a file":         {[]string{a}, []Source{{"a", a}}, ""},
		"a name":         {[]string{"cells=" + a}, []Source{{"cells", a}}, ""},
		"a folder":       {[]string{folder}, []Source{{"a", a}, {"b", filepath.Join(folder, "b.safetensors")}}, ""},
		"one name twice": {[]string{a, folder}, nil, `two models are called "a"`},
		"a named folder": {[]string{"x=" + folder}, nil, "a folder cannot be named"},
		"an empty one":   {[]string{empty}, nil, "no .safetensors files"},
		"not there":      {[]string{"nothing.safetensors"}, nil, "nothing.safetensors"},
		"a bad name":     {[]string{"a b=" + a}, nil, `model name "a b"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := Sources(c.values)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestRegistry(t *testing.T) {
	var o opened
	path := filepath.Join(t.TempDir(), "m.safetensors")
	writeModel(t, path, 1)
	r, err := NewRegistry(t.Context(), []Source{{"m", path}}, o.open)
	require.NoError(t, err)
	assert.Nil(t, r.Acquire("other"))
	old := r.Acquire("")
	assert.Equal(t, "m", old.Name)
	assert.Len(t, old.Version, 12)
	assert.Equal(t, []string{"cat"}, old.Classes())
	assert.Empty(t, r.Refresh(false), "nothing has changed")

	writeModel(t, path, 2)
	done := r.Refresh(false)
	require.Len(t, done, 1)
	require.NoError(t, done[0].Err)
	assert.Equal(t, old.Version, done[0].Old)
	now := r.Acquire("m")
	assert.Equal(t, done[0].New, now.Version)
	assert.NotEqual(t, old.Version, now.Version)
	assert.EqualValues(t, 2, o.n.Load(), "the old one is in use")
	old.Release()
	require.Eventually(t, func() bool { return o.n.Load() == 1 }, time.Minute, time.Millisecond)

	t.Run("a reload that fails changes nothing", func(t *testing.T) {
		require.NoError(t, os.WriteFile(path, []byte("half a model"), 0o644))
		done := r.Refresh(false)
		require.Len(t, done, 1)
		require.ErrorContains(t, done[0].Err, path)
		assert.Empty(t, done[0].New)
		assert.Empty(t, r.Refresh(false), "said once")
		assert.Len(t, r.Refresh(true), 1, "unless all are asked for")
		require.NoError(t, os.Remove(path))
		assert.Len(t, r.Refresh(false), 1)
		assert.Empty(t, r.Refresh(false), "said once")
		still := r.Acquire("")
		assert.Equal(t, now.Version, still.Version)
		still.Release()
		writeModel(t, path, 3)
		done = r.Refresh(false)
		require.Len(t, done, 1)
		require.NoError(t, done[0].Err)
	})
	now.Release()
	r.Close()
	assert.Zero(t, o.n.Load())
}

func TestRegistryErrors(t *testing.T) {
	var o opened
	folder := t.TempDir()
	good, bad := filepath.Join(folder, "good"), filepath.Join(folder, "bad")
	writeModel(t, good, 1)
	require.NoError(t, os.WriteFile(bad, []byte("nothing"), 0o644))
	_, err := NewRegistry(t.Context(), nil, o.open)
	require.ErrorContains(t, err, "no models")
	_, err = NewRegistry(t.Context(), []Source{{"good", good}, {"bad", bad}}, o.open)
	require.ErrorContains(t, err, bad)
	assert.Zero(t, o.n.Load(), "what was opened is closed")
	_, err = NewRegistry(t.Context(), []Source{{"good", good}}, func(*detector.Model) (*detector.Detector, func(), error) { return nil, nil, errors.New("no device") })
	require.ErrorContains(t, err, good+": no device")
}

// TestWatch: a file that is written in place is read when it has settled.
func TestWatch(t *testing.T) {
	var o opened
	path := filepath.Join(t.TempDir(), "m.safetensors")
	writeModel(t, path, 1)
	r, err := NewRegistry(t.Context(), []Source{{"m", path}}, o.open)
	require.NoError(t, err)
	reports := make(chan Reload, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() { r.Watch(ctx, 30*time.Millisecond, func(r Reload) { reports <- r }) })
	next := filepath.Join(t.TempDir(), "next")
	writeModel(t, next, 2)
	data, err := os.ReadFile(next)
	require.NoError(t, err)
	f, err := os.Create(path)
	require.NoError(t, err)
	for i := 0; i < len(data); i += len(data)/40 + 1 {
		_, err := f.Write(data[i:min(len(data), i+len(data)/40+1)])
		require.NoError(t, err)
		time.Sleep(2 * time.Millisecond)
	}
	require.NoError(t, f.Close())
	for ok := false; !ok; { // a machine that stood still may have seen half of it
		select {
		case report := <-reports:
			ok = report.Err == nil
		case <-time.After(time.Minute):
			t.Fatal("no reload")
		}
	}
	cancel()
	watcher.Wait()
	r.Close()
	assert.Zero(t, o.n.Load())
}
