package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// act does one thing that happens to a server.
func (w *world) act(r *Registry, s Source, group *sync.WaitGroup) {
	c := content(max(0, w.n(5)-2)) // mostly sound
	switch w.n(10) {
	case 0, 1:
		w.write(s.Path, c, true)
	case 2: // written in place, bit by bit
		group.Go(func() {
			for range w.n(6) {
				w.write(s.Path, unsound, false)
				time.Sleep(time.Duration(w.n(int(every))))
			}
			w.write(s.Path, c, false)
		})
	case 3:
		w.remove(s.Path)
	case 4:
		w.setFault([]error{syscall.EMFILE, syscall.ENOMEM, syscall.EIO, syscall.EACCES}[w.n(4)])
	case 5:
		w.setFault(nil)
	case 6, 7: // SIGHUP, as often as the user likes
		for range 1 + w.n(3) {
			group.Go(func() {
				for _, report := range r.Refresh(true) {
					w.tell(report)
				}
			})
		}
	case 8: // its device failed
		if m := r.Acquire(s.Name); m != nil {
			group.Go(func() {
				defer m.Release()
				if report, tried := r.Reopen(m); tried {
					w.tell(report)
				}
			})
		}
	case 9:
		time.Sleep(time.Duration(w.n(int(5 * every))))
	}
}

// heal lets the faults pass and good files come, one file being written on
// and on, and requires that the good ones serve in the end.
func (w *world) heal(r *Registry, sources []Source) {
	w.setFault(nil)
	busy := w.n(2 * len(sources)) // or none
	var writer sync.WaitGroup
	stop := make(chan struct{})
	for i, s := range sources {
		if i == busy {
			writer.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(every / 3):
						w.write(s.Path, sound, false)
					}
				}
			})
			continue
		}
		if f, err := w.at(s.Path); err != nil || f.content != sound || w.chance(50) {
			w.write(s.Path, sound, w.chance(50))
		}
	}
	time.Sleep(20 * every)
	for i, s := range sources {
		if i != busy {
			w.serves(r, s)
		}
	}
	close(stop)
	writer.Wait()
	time.Sleep(20 * every)
	for _, s := range sources {
		w.serves(r, s)
	}
}

// serves requires that the file's model serves.
func (w *world) serves(r *Registry, s Source) {
	f, err := w.at(s.Path)
	assert.NoError(w.t, err)
	m := r.Acquire(s.Name)
	defer m.Release()
	assert.Equal(w.t, f.version, m.Version, "the good file of %s does not serve", s.Name)
}

// chained requires that the reports tell how the first models became the last:
// each was put in another's place and replaced once.
func (w *world) chained(first, last []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	came, went := slices.Clone(first), slices.Clone(last)
	for _, r := range w.reports {
		if r.Err == nil {
			came, went = append(came, r.New), append(went, r.Old)
		}
	}
	assert.ElementsMatch(w.t, came, went)
}

func versions(r *Registry) (list []string) {
	for _, m := range r.All() {
		list = append(list, m.Version)
		m.Release()
	}
	return list
}

// TestStorm runs random sequences of files that come, change, break and vanish,
// errors that pass, reloads, failing devices, requests and the end, in
// synthetic time. A seed that fails runs alone with -run 'TestStorm/SEED$'.
func TestStorm(t *testing.T) {
	for seed := range uint64(1000) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { storm(t, newWorld(t, seed)) })
		})
	}
}

func storm(t *testing.T, w *world) {
	var sources []Source
	for i := range 1 + w.n(3) {
		name := strconv.Itoa(i)
		sources = append(sources, Source{name, "file " + name})
		w.write("file "+name, sound, true)
	}
	r, err := newRegistry(t.Context(), sources, w)
	require.NoError(t, err)
	first := versions(r)
	ctx, cancel := context.WithCancel(t.Context())
	var watcher, clients, others sync.WaitGroup
	watcher.Go(func() { r.Watch(ctx, every, w.tell) })
	for range 3 {
		clients.Go(func() {
			for ctx.Err() == nil {
				w.request(r, sources[w.n(len(sources))].Name)
				time.Sleep(time.Duration(w.n(int(every))))
			}
		})
	}
	for range 3 + w.n(20) {
		w.act(r, sources[w.n(len(sources))], &others)
		time.Sleep(time.Duration(w.n(int(every))))
	}
	if w.chance(50) {
		others.Wait()
		w.heal(r, sources)
		last := versions(r)
		w.chained(first, last)
	}
	for range w.n(4) { // the last moments
		w.act(r, sources[w.n(len(sources))], &others)
	}
	if w.chance(50) {
		cancel() // as a server does; the rest of a registry's life must not depend on it
	}
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	used := r.Acquire("")
	w.use(used, 1)
	time.AfterFunc(time.Duration(w.n(int(every))), func() {
		w.use(used, -1)
		used.Release()
	})
	r.Close()
	w.mu.Lock()
	assert.Empty(t, w.held, "nothing is open")
	w.mu.Unlock()
	assert.Nil(t, r.Refresh(true))
	assert.Nil(t, r.Refresh(false))
	_, tried := r.Reopen(used)
	assert.False(t, tried)
	assert.Nil(t, r.Acquire(""))
	assert.Empty(t, r.All())
	r.Close() // again
	cancel()
	others.Wait()
	clients.Wait()
	watcher.Wait()
	assert.Empty(t, w.held, "nothing was opened after the end")
}

// TestPassingErrors: a file that could not be read is tried again, at most once
// in four looks, and said once; one that was read and is unsound is not.
func TestPassingErrors(t *testing.T) {
	for _, c := range []struct {
		name    string
		content content
		fault   error
		retried bool
	}{
		{"too many open files", sound, syscall.EMFILE, true},
		{"no memory", sound, syscall.ENOMEM, true},
		{"a failing disk", sound, syscall.EIO, true},
		{"no permission", sound, syscall.EACCES, true},
		{"an unsound file", unsound, nil, false},
		{"a panic", panics, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.write("file m", sound, true)
				r, err := newRegistry(t.Context(), []Source{{"m", "file m"}}, w)
				require.NoError(t, err)
				defer r.Close()
				w.write("file m", c.content, true)
				w.setFault(c.fault)
				done := r.Refresh(false)
				require.Len(t, done, 1)
				require.Error(t, done[0].Err)
				for range 50 {
					require.Empty(t, r.Refresh(false), "said once")
				}
				tried := r.failed["file m"].tries
				if !c.retried {
					require.Equal(t, 1, tried)
				} else {
					require.Greater(t, tried, 50/(mostLooks+1))
					require.Less(t, tried, 20)
				}
				w.setFault(nil)
				for range 1 + mostLooks {
					done = append(done, r.Refresh(false)...)
				}
				if c.retried {
					require.Len(t, done, 2)
					require.NoError(t, done[1].Err)
				} else {
					require.Len(t, done, 1)
				}
			})
		})
	}
}

// TestWatchSettles: a file that is written in place is read when it has settled,
// one that is renamed into its place at once, and one that never settles keeps
// no other waiting.
func TestWatchSettles(t *testing.T) {
	for _, c := range []struct {
		name   string
		rename bool
		want   int // looks after which the new model serves
	}{
		{"renamed", true, 1},
		{"in place", false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.slowest = every / 10
				sources := []Source{{"busy", "file busy"}, {"m", "file m"}, {"fast", "file fast"}}
				for _, s := range sources {
					w.write(s.Path, sound, true)
				}
				r, err := newRegistry(t.Context(), sources, w)
				require.NoError(t, err)
				defer r.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var group sync.WaitGroup
				defer group.Wait()
				looks := time.Now()
				served := map[string]int{}
				group.Go(func() {
					r.Watch(ctx, every, func(r Reload) {
						served[r.Name] = cmp.Or(served[r.Name], int(time.Since(looks)/every))
					})
				})
				group.Go(func() {
					for ctx.Err() == nil {
						w.write("file busy", sound, false)
						w.write("file fast", sound, true)
						time.Sleep(every / 7)
					}
				})
				time.Sleep(every / 2)
				w.write("file m", sound, c.rename)
				time.Sleep(10*every + every/2)
				cancel()
				assert.Equal(t, c.want, served["m"])
				assert.Equal(t, 1, served["fast"], "a training run's best file, renamed all the time")
				assert.Zero(t, served["busy"])
			})
		})
	}
}
