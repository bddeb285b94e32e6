package models

import (
	"context"
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
