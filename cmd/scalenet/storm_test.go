package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/detector"
)

// soak is how long `make soak` lets the storm last, 0 in ordinary tests.
func soak() time.Duration {
	text := os.Getenv("SCALENET_SOAK")
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Minute
	}
	return d
}

// testServeStorm sends the program signals, model files that are sound or not,
// and requests, at random: first from its start to its end again and again, then
// for a while. It is never ended but by SIGTERM, whose status is 0, answers
// every request, and does not grow.
func testServeStorm(t *testing.T, program string) {
	sequences, long := 4, 2*time.Second
	if d := soak(); d > 0 {
		sequences, long = 200, d
	}
	files := newStormFiles(t)
	for seed := range sequences {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			s := &storm{t: t, program: program, files: files, random: rand.New(rand.NewPCG(uint64(seed), 14)), path: filepath.Join(t.TempDir(), "m.safetensors")}
			s.sequence()
		})
	}
	t.Run("long", func(t *testing.T) {
		s := &storm{t: t, program: program, files: files, random: rand.New(rand.NewPCG(0, 14)), path: filepath.Join(t.TempDir(), "m.safetensors")}
		s.lasting(long)
	})
}

type stormFiles struct{ sound, unsound []string }

func newStormFiles(t *testing.T) (f stormFiles) {
	path := tinyModel(t, t.TempDir())
	m, err := detector.Load(path)
	require.NoError(t, err)
	saved := func() string {
		require.NoError(t, m.Save(path))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(data)
	}
	first := saved()
	m.Classes[0] = "rbc"
	f.sound = []string{first, saved()}
	m.Params.All()[0].Data[0] = float32(math.NaN())
	f.unsound = []string{"", "no model", first[:len(first)/2], first[:len(first)-1], strings.Replace(first, `"conv1.weight"`, `"conv9.weight"`, 1), saved()}
	return f
}

// storm is a server's process and what happens to it.
type storm struct {
	t             *testing.T
	program, path string
	files         stormFiles
	random        *rand.Rand

	process *exec.Cmd
	log     bytes.Buffer // after the end
	logged  chan struct{}
	stdout  *bufio.Reader
	address string

	clients  sync.WaitGroup
	stopping atomic.Bool
	answers  atomic.Int64
}

// start runs the program until it says that it loads the model.
func (s *storm) start(flags ...string) {
	s.write(s.files.sound[0], true)
	s.process = exec.Command(s.program, append([]string{"serve", "--model", "m=" + s.path, "--listen", "127.0.0.1:0", "--threads", "1"}, flags...)...)
	stdout, err := s.process.StdoutPipe()
	require.NoError(s.t, err)
	s.stdout = bufio.NewReader(stdout)
	stderr, err := s.process.StderrPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.process.Start())
	s.t.Cleanup(func() { s.process.Process.Kill() })
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	require.NoError(s.t, err)
	require.Contains(s.t, line, "loading m from")
	s.logged = make(chan struct{})
	go func() {
		defer close(s.logged)
		io.Copy(&s.log, lines)
	}()
}

func (s *storm) signal(sig syscall.Signal) { s.process.Process.Signal(sig) }

// hangups sends SIGHUP a few times.
func (s *storm) hangups() {
	for range 1 + s.random.IntN(4) {
		s.signal(syscall.SIGHUP)
		time.Sleep(time.Duration(s.random.IntN(10)) * time.Millisecond)
	}
}

// write replaces the model's file by renaming or in place.
func (s *storm) write(data string, rename bool) {
	if !rename {
		require.NoError(s.t, os.WriteFile(s.path, []byte(data), 0o644))
		return
	}
	next := s.path + ".next"
	require.NoError(s.t, os.WriteFile(next, []byte(data), 0o644))
	require.NoError(s.t, os.Rename(next, s.path))
}

func (s *storm) act() {
	switch s.random.IntN(7) {
	case 0, 1:
		s.write(s.files.sound[s.random.IntN(len(s.files.sound))], s.random.IntN(3) > 0)
	case 2, 3:
		s.write(s.files.unsound[s.random.IntN(len(s.files.unsound))], s.random.IntN(3) > 0)
	case 4:
		os.Remove(s.path)
	default:
		s.hangups()
	}
	time.Sleep(time.Duration(s.random.IntN(30)) * time.Millisecond)
}

// serve waits for the address and lets clients ask until the storm is stopping.
func (s *storm) serve() {
	line, err := s.stdout.ReadString('\n')
	require.NoError(s.t, err)
	_, s.address, _ = strings.Cut(strings.TrimSpace(line), " at ")
	image, err := os.ReadFile("../../examples/BloodImage_00014.jpg")
	require.NoError(s.t, err)
	for range 2 {
		s.clients.Go(func() {
			for !s.stopping.Load() {
				a, err := http.Post(s.address+"/detect", "image/jpeg", bytes.NewReader(image))
				if !assert.NoError(s.t, err) {
					return
				}
				text, err := io.ReadAll(a.Body)
				a.Body.Close()
				assert.NoError(s.t, err)
				assert.Equal(s.t, 200, a.StatusCode, "%s", text)
				s.answers.Add(1)
			}
		})
	}
}

// end sends SIGTERM, and SIGHUP until the process has ended, with status 0.
func (s *storm) end() {
	s.stopping.Store(true)
	s.signal(syscall.SIGTERM)
	done := make(chan struct{})
	var hangups sync.WaitGroup
	hangups.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				s.signal(syscall.SIGHUP)
			}
		}
	})
	s.clients.Wait()
	http.DefaultClient.CloseIdleConnections()
	_, err := io.Copy(io.Discard, s.stdout)
	require.NoError(s.t, err)
	<-s.logged
	err = s.process.Wait()
	close(done)
	hangups.Wait()
	require.NoError(s.t, err, "%s", &s.log)
	require.NotContains(s.t, s.log.String(), "goroutine")
}

// sequence is one life of the program.
func (s *storm) sequence() {
	every := []string{"0s", "10ms", "50ms"}[s.random.IntN(3)]
	s.start("--drain-delay", "2s", "--reload-every", every)
	if s.random.IntN(3) > 0 { // while it loads
		s.hangups()
	}
	if s.random.IntN(8) == 0 {
		s.end()
		return
	}
	s.serve()
	for range s.random.IntN(12) {
		s.act()
	}
	s.end()
}

// lasting is a longer life: the process does not grow, and serves a sound file
// in the end.
func (s *storm) lasting(d time.Duration) {
	s.start("--drain-delay", "2s", "--reload-every", "20ms")
	s.serve()
	begin, early := time.Now(), size{}
	for time.Since(begin) < d {
		s.act()
		if early.resident == 0 && time.Since(begin) > d/3 {
			early = s.size()
		}
	}
	last := s.size()
	s.t.Logf("%d answers in %v; a third of it and the end: %+v, %+v", s.answers.Load(), d, early, last)
	if d > 30*time.Second { // before, memory is still what the first models took
		assert.Less(s.t, last.resident, early.resident+64)
	}
	assert.Less(s.t, last.files, early.files+20)
	assert.Less(s.t, last.threads, early.threads+20)
	s.write(s.files.sound[1], true)
	require.Eventually(s.t, func() bool {
		a, err := http.Get(s.address + "/models")
		require.NoError(s.t, err)
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		require.NoError(s.t, err)
		return strings.Contains(string(text), `"rbc"`)
	}, patience, 20*time.Millisecond)
	s.end()
}

// size is what a process takes: MiB of memory, open files, threads.
type size struct{ resident, files, threads int }

func (s *storm) size() (z size) {
	folder := fmt.Sprintf("/proc/%d/", s.process.Process.Pid)
	data, err := os.ReadFile(folder + "statm")
	require.NoError(s.t, err)
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	require.NoError(s.t, err)
	files, err := os.ReadDir(folder + "fd")
	require.NoError(s.t, err)
	threads, err := os.ReadDir(folder + "task")
	require.NoError(s.t, err)
	return size{pages * os.Getpagesize() >> 20, len(files), len(threads)}
}
