package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/server/models"
)

// TestDrain ends the server under load, as an orchestrator does: clients stop
// when it is not ready. No request is lost.
func TestDrain(t *testing.T) {
	s := serve(t, func(c *Config) { c.DrainDelay, c.Log = 3*time.Second, DefaultConfig().Log })
	_, address, end, ended := s.running(t)
	url := "http://" + address

	image := string(photo(t, 200, 150))
	var ready, answered atomic.Int64
	ready.Store(1)
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for ready.Load() == 1 {
				a, err := http.Post(url+"/detect", "image/jpeg", strings.NewReader(image))
				if !assert.NoError(t, err) {
					return
				}
				a.Body.Close()
				assert.Equal(t, 200, a.StatusCode)
				answered.Add(1)
			}
		})
	}
	time.Sleep(long(500*time.Millisecond, 10*time.Second))
	end()
	for ready.Load() == 1 { // the orchestrator's probe
		a, err := http.Get(url + "/readyz")
		require.NoError(t, err, "it serves on while the delay lasts")
		a.Body.Close()
		if a.StatusCode != 200 {
			assert.Equal(t, 503, a.StatusCode)
			ready.Store(0)
		}
		time.Sleep(20 * time.Millisecond)
	}
	clients.Wait()
	require.NoError(t, <-ended)
	assert.Positive(t, answered.Load())
	_, err := http.Get(url + "/healthz")
	require.Error(t, err, "it listens no more")
}

// TestDrainIdleConnection: a connection that was idle when the end began takes
// one more request, whose answer says that it is the last.
func TestDrainIdleConnection(t *testing.T) {
	s := serve(t, func(c *Config) { c.DrainDelay = 3 * time.Second })
	inner, address, end, ended := s.running(t)
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer connection.Close()
	answers := bufio.NewReader(connection)
	get := func() *http.Response {
		_, err := fmt.Fprint(connection, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		a, err := http.ReadResponse(answers, nil)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, a.Body)
		require.NoError(t, err)
		return a
	}
	require.False(t, get().Close)
	end()
	wait(t, "it is ending", inner.draining.Load)
	time.Sleep(50 * time.Millisecond)
	last := get()
	require.Equal(t, 200, last.StatusCode)
	require.True(t, last.Close)
	require.NoError(t, <-ended)
}

// running runs a server of its own, with the same configuration and models, because Run closes what it serves. ended has what Run returns after end.
func (s *served) running(t *testing.T) (inner *Server, address string, end func(), ended <-chan error) {
	registry, err := models.NewRegistry(t.Context(), []models.Source{{Name: "first", Path: s.files[0]}}, openCPU)
	require.NoError(t, err)
	c := s.config
	c.Models = registry
	inner, err = New(c)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, end := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- inner.Run(ctx, listener) }()
	return inner, listener.Addr().String(), end, result
}

// TestDrainTimeout: a request that does not end is cut off, and it is said.
func TestDrainTimeout(t *testing.T) {
	s := serve(t, func(c *Config) { c.DrainTimeout = 100 * time.Millisecond })
	inner, address, end, ended := s.running(t)
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprint(connection, "POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 100\r\n\r\nhalf")
	require.NoError(t, err)
	for inner.memory.used.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	end()
	require.ErrorContains(t, <-ended, "did not end within 100ms")
}
