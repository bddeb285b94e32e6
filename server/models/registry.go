package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"scalenet/checkpoint"
	"scalenet/detector"
)

// Open copies a model to its own device. close frees both.
type Open func(*detector.Model) (d *detector.Detector, close func(), err error)

// Model is a loaded detector. Only the worker of a queue may run it.
type Model struct {
	Name     string
	Version  string // first 12 hex digits of the digest (XXH3, 128 bits) of the file
	Detector *detector.Detector

	path  string
	stamp stamp
	close func()
	users sync.WaitGroup
}

// Classes are the names of the model's classes; class k is the one before k.
func (m *Model) Classes() []string { return m.Detector.Model().Classes }

// Use adds a user to a model that already has one.
func (m *Model) Use() { m.users.Add(1) }

// Release ends a use.
func (m *Model) Release() { m.users.Done() }

// Registry holds the models by name.
type Registry struct {
	files   files
	sources []Source

	// turn is a lock that a reload holds. It guards failed. It is a channel, so that
	// waiting for it can end when the registry closes.
	turn   chan struct{}
	failed map[string]failure // by path

	ending context.Context // ends when the registry closes
	end    context.CancelFunc

	mu      sync.Mutex
	closed  bool
	models  map[string]*Model
	closing sync.WaitGroup // replaced models that are still in use
}

// NewRegistry loads all models. The first is the default model. If a model cannot be
// loaded, or ctx ends before all are loaded, it returns an error that names the file.
// ctx is not used later. opts are the options of reading files.
func NewRegistry(ctx context.Context, sources []Source, open Open, options ...checkpoint.Option) (*Registry, error) {
	return newRegistry(ctx, sources, disk{open, options})
}

func newRegistry(ctx context.Context, sources []Source, f files) (*Registry, error) {
	if len(sources) == 0 {
		return nil, errors.New("no models to serve")
	}
	r := &Registry{files: f, sources: sources, turn: make(chan struct{}, 1), failed: map[string]failure{}, models: map[string]*Model{}}
	r.ending, r.end = context.WithCancel(context.Background())
	for _, s := range sources {
		err := ctx.Err()
		if err == nil {
			r.models[s.Name], err = r.load(ctx, s)
		}
		if err != nil {
			delete(r.models, s.Name)
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// load calls files.load. It turns a panic into an error, so that the other models stay
// in use.
func (r *Registry) load(ctx context.Context, s Source) (m *Model, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = nil, fmt.Errorf("%s: the model cannot be loaded: %.200s", s.Path, fmt.Sprint(p))
		}
	}()
	return r.files.load(ctx, s)
}

// Default returns the name of the default model.
func (r *Registry) Default() string { return r.sources[0].Name }

// Names returns the names of the models in the order of the command line.
func (r *Registry) Names() []string {
	names := make([]string, len(r.sources))
	for i, s := range r.sources {
		names[i] = s.Name
	}
	return names
}

// Acquire returns a model by name; "" is the default model. The model stays open
// until Release is called, once per call of Acquire. Acquire returns nil if the name
// is unknown or the registry is closed.
func (r *Registry) Acquire(name string) *Model {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.models[cmp.Or(name, r.Default())]
	if m != nil {
		m.users.Add(1)
	}
	return m
}

// All returns the models in the order of Names, or none if the registry is closed.
// The caller must release each.
func (r *Registry) All() []*Model {
	var all []*Model
	for _, s := range r.sources {
		if m := r.Acquire(s.Name); m != nil {
			all = append(all, m)
		}
	}
	return all
}

// retire closes a model after its last user has released it.
func (r *Registry) retire(m *Model) {
	r.closing.Go(func() {
		m.users.Wait()
		m.close()
	})
}

// Close closes all models and waits for those in use. A reload in progress is
// cancelled, and later reloads do nothing.
func (r *Registry) Close() {
	r.mu.Lock()
	r.closed = true
	r.end() // after closed is set: a reload that this ends reports nothing
	for name, m := range r.models {
		delete(r.models, name)
		r.retire(m)
	}
	r.mu.Unlock()
	r.turn <- struct{}{} // wait for the reload in progress to close what it loaded
	<-r.turn
	r.closing.Wait()
}
