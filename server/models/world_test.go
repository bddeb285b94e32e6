package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const every = 2 * time.Second // the models' files are looked at

// content is what a file is good for.
type content int

const (
	sound content = iota
	unsound
	panics
)

// file is one in memory.
type file struct {
	stamp   stamp
	version string
	content content
	takes   time.Duration // to load
}

// world is a disk and a device in memory. It looks after the models that the
// registry opens: who uses one that is closed, or closes one twice or in use,
// is told to the test.
type world struct {
	t *testing.T

	mu      sync.Mutex
	random  *rand.Rand
	inode   uint64
	written int
	slowest time.Duration // to load a file
	files   map[string]file
	fault   error           // of reading, which passes
	held    map[*Model]int  // users of the models that are open
	loaded  map[string]bool // versions
	reports []Reload
	closing bool
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{t: t, random: rand.New(rand.NewPCG(seed, 14)), slowest: every * 3 / 4, files: map[string]file{}, held: map[*Model]int{}, loaded: map[string]bool{}}
}

func (w *world) n(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *world) chance(percent int) bool { return w.n(100) < percent }

// write puts a file at a path, by renaming or in place.
func (w *world) write(path string, c content, rename bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written++
	f := w.files[path]
	if rename || f.stamp == (stamp{}) {
		w.inode++
		f.stamp.inode = w.inode
	}
	f.stamp.size, f.stamp.modified = int64(100+w.written%2), time.Now().Add(time.Duration(w.written))
	f.version, f.content = fmt.Sprintf("%s %d", path, w.written), c
	f.takes = time.Duration(w.random.IntN(int(w.slowest)))
	w.files[path] = f
}

func (w *world) remove(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.files, path)
}

func (w *world) setFault(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = err
}

func (w *world) at(path string) (file, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.files[path]
	if !ok {
		return f, &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
	}
	return f, nil
}

func (w *world) stat(path string) (stamp, error) {
	f, err := w.at(path)
	return f.stamp, err
}

func (w *world) load(ctx context.Context, s Source) (*Model, error) {
	f, err := w.at(s.Path)
	if err != nil {
		return nil, err
	}
	time.Sleep(f.takes / 2)
	if err := w.readable(s.Path, f); err != nil {
		return nil, err
	}
	m := &Model{Name: s.Name, Version: f.version, path: s.Path, stamp: f.stamp}
	m.close = func() { w.closeModel(m) }
	w.mu.Lock()
	w.held[m] = 0
	w.mu.Unlock()
	time.Sleep(f.takes / 2)               // it is warmed
	if ctx.Err() != nil && w.chance(50) { // the end may come too late to be noticed
		m.close()
		return nil, ctx.Err()
	}
	w.mu.Lock()
	w.loaded[f.version] = true
	w.mu.Unlock()
	return m, nil
}

// readable tells what is wrong with a file that was read for a while.
func (w *world) readable(path string, f file) error {
	now, _ := w.at(path)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.fault != nil:
		return &fs.PathError{Op: "read", Path: path, Err: w.fault}
	case f.content == panics:
		panic("index out of range")
	case f.content == unsound, !now.stamp.renamed(f.stamp) && now.stamp != f.stamp: // read in part
		return errors.New(path + ": unsound")
	}
	return nil
}

func (w *world) closeModel(m *Model) {
	w.mu.Lock()
	defer w.mu.Unlock()
	users, open := w.held[m]
	assert.True(w.t, open, "%s is closed twice", m.Version)
	assert.Zero(w.t, users, "%s is closed in use", m.Version)
	delete(w.held, m)
}

// use counts users of a model that the registry gave out.
func (w *world) use(m *Model, users int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, open := w.held[m]
	assert.True(w.t, open && w.loaded[m.Version], "%s is used but is not open", m.Version)
	w.held[m] += users
}

// request uses a model for a while, as a handler does with a job that outlives
// it. It is never left without one before the registry is closed.
func (w *world) request(r *Registry, name string) {
	m := r.Acquire(name)
	if m == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		assert.True(w.t, w.closing, "no model %s", name)
		return
	}
	w.use(m, 1)
	assert.Equal(w.t, name, m.Name)
	time.Sleep(time.Duration(w.n(int(every))))
	m.Use()
	w.use(m, 1)
	w.use(m, -1)
	m.Release()
	time.Sleep(time.Duration(w.n(int(every))))
	w.use(m, -1)
	m.Release()
}

// tell checks a report by itself.
func (w *world) tell(r Reload) {
	w.mu.Lock()
	defer w.mu.Unlock()
	assert.True(w.t, w.loaded[r.Old], "%q never served", r.Old)
	if r.Err == nil {
		assert.True(w.t, w.loaded[r.New], "%q never loaded", r.New)
	} else {
		assert.Empty(w.t, r.New)
		assert.ErrorContains(w.t, r.Err, "file "+r.Name)
	}
	w.reports = append(w.reports, r)
}
