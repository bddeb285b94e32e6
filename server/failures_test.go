package server

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/server/models"
)

// brittle is a device that fails when it is told to.
type brittle struct {
	*cpu.Device
	broken *atomic.Bool
}

func (b brittle) Do(f func() error) error {
	if b.broken.Load() {
		return errors.New("the device is lost")
	}
	return b.Device.Do(f)
}

var _ engine.Device = brittle{}

// TestDeviceFails: requests in flight fail, the model is opened again on a new
// device and serves; if that one fails too, again and again, the server is not
// ready.
func TestDeviceFails(t *testing.T) {
	var opened atomic.Int32
	devices := make(chan *atomic.Bool, 100)
	var allBroken atomic.Bool
	s := serve(t, func(c *Config) {
		path := t.TempDir() + "/m.safetensors"
		writeModel(t, path, 1, "cat")
		c.Models.Close()
		registry, err := models.NewRegistry(t.Context(), []models.Source{{Name: "m", Path: path}}, func(m *detector.Model) (*detector.Detector, func(), error) {
			if allBroken.Load() {
				return nil, nil, errors.New("no device")
			}
			dev, err := cpu.New(cpu.Options{Threads: 1})
			if err != nil {
				return nil, nil, err
			}
			opened.Add(1)
			b := brittle{dev, &atomic.Bool{}}
			devices <- b.broken
			d := detector.NewDetector(m, b, detector.Options{})
			return d, func() { b.broken.Store(false); d.Close(); dev.Close() }, nil
		})
		require.NoError(t, err)
		c.Models = registry
	})
	image := string(photo(t, 100, 70))
	detect := func() int {
		status, _, text := s.post(t, "/detect", "image/jpeg", image)
		assert.NotContains(t, text, "lost", "the cause is for the log")
		return status
	}
	ready := func() int {
		status, _, _ := s.send(t, http.MethodGet, "/readyz", "", nil)
		return status
	}
	require.Equal(t, 200, detect())
	first := <-devices
	first.Store(true)
	require.Equal(t, 500, detect())
	second := <-devices // opened again, by itself
	s.failures.reopening.Wait()
	require.Equal(t, 200, detect())
	assert.Equal(t, 200, ready())
	assert.Contains(t, s.log.String(), "the device is lost")

	second.Store(true)
	allBroken.Store(true)
	for range maxConsecutiveFailures {
		assert.Equal(t, 200, ready())
		assert.Equal(t, 500, detect())
		s.failures.reopening.Wait()
	}
	assert.Equal(t, 503, ready())
	_, _, text := s.send(t, http.MethodGet, "/metrics", "", nil)
	assert.Contains(t, text, `scalenet_compute_failures_total{model="m"} 4`)
	assert.Contains(t, text, "\nscalenet_ready 0\n")
}
