package server

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/server/models"
)

// throughput is how the server and its detector are compared on a device.
type throughput struct {
	open           func(*detector.Model) (*detector.Detector, func(), error)
	batch, clients int
	least          float64 // of the detector's own; 0 is no bound
}

// TestThroughput compares what the server answers with what the detector finds alone, in batches of the same size, on the same images.
func TestThroughput(t *testing.T) {
	if os.Getenv("SCALENET_SOAK") == "" {
		t.Skip("measured by make soak, on a GPU by make gpu-check")
	}
	devices := gpuThroughputs()
	devices["cpu"] = throughput{openAllCPU, 1, 4, 0.95}
	for name, d := range devices {
		t.Run(name, d.measure)
	}
}

func (d throughput) measure(t *testing.T) {
	registry, err := models.NewRegistry(t.Context(), []models.Source{{Name: "bccd", Path: "../models/bccd.safetensors"}}, d.open)
	require.NoError(t, err)
	c := DefaultConfig()
	c.Models, c.Queue.Batch = registry, d.batch
	s, err := New(c)
	require.NoError(t, err)
	defer s.Close()
	files, err := filepath.Glob("../examples/BloodImage_*.jpg")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var images []string
	var decoded []*imaging.Image
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		im, err := imaging.Decode(data, imaging.Limits{})
		require.NoError(t, err)
		images, decoded = append(images, string(data)), append(decoded, im)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := &http.Server{Handler: s.Handler()}
	go h.Serve(listener)
	defer h.Close()
	defer http.DefaultClient.CloseIdleConnections()
	alone := func(i int) {
		var batch []*imaging.Image
		for k := range d.batch {
			batch = append(batch, decoded[(i+k)%len(decoded)])
		}
		m := registry.Acquire("")
		defer m.Release()
		_, _, err := m.Detector.Detect(batch...)
		assert.NoError(t, err)
	}
	through := func(i int) {
		a, err := http.Post("http://"+listener.Addr().String()+"/detect", "image/jpeg", strings.NewReader(images[i%len(images)]))
		if assert.NoError(t, err) {
			assert.Equal(t, 200, a.StatusCode)
			a.Body.Close()
		}
	}
	const rounds, turn = 5, 5 * time.Second
	var ratios []float64
	for range rounds { // turn by turn: both see the same machine
		own, served := float64(d.batch)*perSecond(turn, 1, alone), perSecond(turn, d.clients, through)
		t.Logf("throughput on %s: detector %.2f images/s, through HTTP %.2f: %.3f", filepath.Base(t.Name()), own, served, served/own)
		ratios = append(ratios, served/own)
	}
	slices.Sort(ratios)
	assert.Greater(t, ratios[rounds/2], d.least)
}

// perSecond is the rate of calls that goroutines make for so long, at least one each.
func perSecond(turn time.Duration, goroutines int, call func(i int)) float64 {
	var next atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for range goroutines {
		group.Go(func() {
			for ok := true; ok; ok = time.Since(start) < turn {
				call(int(next.Add(1)) - 1)
			}
		})
	}
	group.Wait()
	return float64(next.Load()) / time.Since(start).Seconds()
}

// openAllCPU puts a model on all processors.
func openAllCPU(m *detector.Model) (*detector.Detector, func(), error) {
	return openThreads(m, 0)
}
