package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/detector"
	"scalenet/server/models"
)

// pipes is a listener in memory: in a bubble of synctest, connections of the
// system would keep its time from going on.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
	close       func()
}

func newPipes() *pipes {
	p := &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (p *pipes) Close() error   { p.close(); return nil }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.connections:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.connections <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// stormFiles are what model files may be, made once: sound ones by version, and
// others.
type stormFiles struct {
	versions []string
	sound    [][]byte
	unsound  [][]byte
}

func newStormFiles(t *testing.T) (f stormFiles) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	for seed := range uint64(3) {
		writeModel(t, path, seed, "cat")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		r, err := models.NewRegistry(t.Context(), []models.Source{{Name: "m", Path: path}}, openCPU)
		require.NoError(t, err)
		m := r.Acquire("")
		f.versions, f.sound = append(f.versions, m.Version), append(f.sound, data)
		m.Release()
		r.Close()
	}
	first := f.sound[0]
	damaged := bytes.Clone(first)
	damaged[len(damaged)/2] ^= 1
	f.unsound = [][]byte{nil, []byte("no model"), first[:len(first)/2], first[:len(first)-1], damaged,
		bytes.Replace(first, []byte(`"conv1.weight"`), []byte(`"conv9.weight"`), 1)}
	return f
}

// tempest is a server in a storm.
type tempest struct {
	t      *testing.T
	files  stormFiles
	random *rand.Rand
	path   string
	opens  atomic.Int32 // models that are open
	broken atomic.Int32 // 1: no device; 2: opening panics
	writes int
	server *Server
	client *http.Client
	ready  atomic.Bool // as the clients' orchestrator sees it
	served sync.Map    // versions
}

func (s *tempest) open(m *detector.Model) (*detector.Detector, func(), error) {
	switch s.broken.Load() {
	case 1:
		return nil, nil, errors.New("no device")
	case 2:
		panic("a fault of the device's library")
	}
	d, closeAll, err := openCPU(m)
	if err != nil {
		return nil, nil, err
	}
	s.opens.Add(1)
	return d, func() { closeAll(); s.opens.Add(-1) }, nil
}

// write replaces the model's file by renaming or in place. No two writes have
// one time: the clock of the disk is not that of the bubble.
func (s *tempest) write(data []byte, rename bool) {
	to := s.path
	if rename {
		to += ".next"
	}
	require.NoError(s.t, os.WriteFile(to, data, 0o644))
	s.writes++
	require.NoError(s.t, os.Chtimes(to, time.Time{}, time.Now().Add(time.Duration(s.writes)*time.Microsecond)))
	if rename {
		require.NoError(s.t, os.Rename(to, s.path))
	}
}

func (s *tempest) act(group *sync.WaitGroup) {
	switch s.random.IntN(8) {
	case 0, 1:
		s.write(s.files.sound[s.random.IntN(len(s.files.sound))], true)
	case 2:
		s.write(s.files.sound[s.random.IntN(len(s.files.sound))], false)
	case 3, 4:
		s.write(s.files.unsound[s.random.IntN(len(s.files.unsound))], s.random.IntN(2) == 0)
	case 5:
		os.Remove(s.path)
	case 6:
		s.broken.Store(int32(s.random.IntN(3)))
	case 7:
		for range 1 + s.random.IntN(3) {
			group.Go(s.server.Reload)
		}
	}
	time.Sleep(time.Duration(s.random.IntN(int(3 * time.Second))))
}

// ask is a client: it sends images until the server is not ready. Each is
// answered, by a model that was loaded.
func (s *tempest) ask(image []byte) {
	for s.ready.Load() {
		a, err := s.client.Post("http://localhost/detect", "image/jpeg", bytes.NewReader(image))
		if !assert.NoError(s.t, err) {
			return
		}
		text, err := io.ReadAll(a.Body)
		a.Body.Close()
		assert.NoError(s.t, err)
		assert.Equal(s.t, 200, a.StatusCode, "%s", text)
		var got DetectResponse
		assert.NoError(s.t, json.Unmarshal(text, &got))
		assert.Contains(s.t, s.files.versions, got.Model.Version)
		s.served.Store(got.Model.Version, true)
		time.Sleep(700 * time.Millisecond)
	}
}

func (s *tempest) get(path string) int {
	a, err := s.client.Get("http://localhost" + path)
	require.NoError(s.t, err)
	defer a.Body.Close()
	_, err = io.Copy(io.Discard, a.Body)
	require.NoError(s.t, err)
	return a.StatusCode
}

// heal lets the faults pass and a sound file come, which serves in the end.
func (s *tempest) heal() {
	s.broken.Store(0)
	k := s.random.IntN(len(s.files.sound))
	s.write(s.files.sound[k], s.random.IntN(2) == 0)
	time.Sleep(10 * s.server.config.ReloadEvery)
	m := s.server.config.Models.Acquire("")
	defer m.Release()
	assert.Equal(s.t, s.files.versions[k], m.Version)
}

// TestReloadStorm runs random sequences of files that change, break and vanish,
// devices that fail to open, reloads, requests and the end, on a whole server in
// synthetic time. No request is lost, and nothing stays open. A seed that fails
// runs alone with -run 'TestReloadStorm/SEED$'.
func TestReloadStorm(t *testing.T) {
	sequences := uint64(20)
	if os.Getenv("SCALENET_SOAK") != "" {
		sequences = 500
	}
	files, image := newStormFiles(t), photo(t, 40, 30)
	for seed := range sequences {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.safetensors")
			synctest.Test(t, func(t *testing.T) {
				s := &tempest{t: t, files: files, random: rand.New(rand.NewPCG(seed, 14)), path: path}
				s.run(image)
			})
		})
	}
}

func (s *tempest) run(image []byte) {
	s.write(s.files.sound[0], true)
	registry, err := models.NewRegistry(s.t.Context(), []models.Source{{Name: "m", Path: s.path}}, s.open)
	require.NoError(s.t, err)
	c := DefaultConfig()
	c.Models, c.DrainDelay = registry, time.Duration(1+s.random.IntN(3))*time.Second
	s.server, err = New(c)
	require.NoError(s.t, err)
	listener := newPipes()
	transport := &http.Transport{DialContext: listener.dial}
	s.client = &http.Client{Transport: transport}
	ctx, end := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.server.Run(ctx, listener) }()

	var clients, reloads sync.WaitGroup
	s.ready.Store(true)
	for range 3 {
		clients.Go(func() { s.ask(image) })
	}
	for range 2 + s.random.IntN(8) {
		s.act(&reloads)
		assert.Equal(s.t, []int{200, 200}, []int{s.get("/models"), s.get("/metrics")})
	}
	if s.random.IntN(2) == 0 {
		reloads.Wait()
		s.heal()
	}
	for range 3 {
		reloads.Go(s.server.Reload)
	}
	end()
	for s.ready.Load() {
		time.Sleep(100 * time.Millisecond)
		s.ready.Store(s.get("/readyz") == 200)
	}
	clients.Wait()
	reloads.Go(s.server.Reload)
	transport.CloseIdleConnections()
	require.NoError(s.t, <-ended)
	s.server.Reload()
	reloads.Wait()
	assert.Zero(s.t, s.opens.Load(), "nothing stays open")
	assert.Zero(s.t, s.server.memory.used.Load())
	_, err = s.client.Get("http://localhost/healthz")
	require.ErrorIs(s.t, err, net.ErrClosed, "it listens no more")
}
