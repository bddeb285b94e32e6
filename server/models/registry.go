package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"scalenet/detector"
	"scalenet/imaging"
)

// Source is a model's name and its file.
type Source struct{ Name, Path string }

// Open puts a model on a device of its own; close frees both.
type Open func(*detector.Model) (d *detector.Detector, close func(), err error)

// Model is a loaded detector. Only the worker of a queue may run it.
type Model struct {
	Name     string
	Version  string // the first 12 digits of the file's digest
	Detector *detector.Detector

	path  string
	stamp stamp
	close func()
	users sync.WaitGroup
}

// Classes are the names of the model's classes; class k is the one before k.
func (m *Model) Classes() []string { return m.Detector.Model().Classes }

// stamp tells whether a file has changed.
type stamp struct {
	size     int64
	modified time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// Registry holds the models by name.
type Registry struct {
	open    Open
	sources []Source

	reloading sync.Mutex // one reload at a time
	mu        sync.Mutex
	models    map[string]*Model
	failed    map[string]stamp // files that did not load: not tried again until they change
	closing   sync.WaitGroup   // replaced models that are still in use
}

// Sources reads the values of --model: NAME=FILE, FILE, whose name is the
// file's, or a folder of .safetensors files. Two models of one name are an
// error.
func Sources(values []string) ([]Source, error) {
	var sources []Source
	for _, v := range values {
		name, path, named := strings.Cut(v, "=")
		if !named {
			name, path = "", v
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			sources = append(sources, Source{cmp.Or(name, baseName(path)), path})
			continue
		}
		if named {
			return nil, fmt.Errorf("--model %s: a folder has no name: its models have their files'", v)
		}
		files, err := filepath.Glob(filepath.Join(path, "*.safetensors"))
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s: no .safetensors files in the folder", path)
		}
		for _, f := range files {
			sources = append(sources, Source{baseName(f), f})
		}
	}
	seen := map[string]string{}
	for _, s := range sources {
		if other, ok := seen[s.Name]; ok {
			return nil, fmt.Errorf("two models are called %q: %s and %s; name one, as in NAME=%s", s.Name, other, s.Path, s.Path)
		}
		if strings.ContainsAny(s.Name, "/?#% ") || s.Name == "" {
			return nil, fmt.Errorf("model name %q: it is part of addresses: no blanks, /, ?, # or %%", s.Name)
		}
		seen[s.Name] = s.Path
	}
	return sources, nil
}

func baseName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// NewRegistry loads all models, the first of which is the default one. One that
// does not load is an error that names its file.
func NewRegistry(sources []Source, open Open) (*Registry, error) {
	if len(sources) == 0 {
		return nil, errors.New("no models to serve")
	}
	r := &Registry{open: open, sources: sources, models: map[string]*Model{}, failed: map[string]stamp{}}
	for _, s := range sources {
		m, err := r.load(s)
		if err != nil {
			r.Close()
			return nil, err
		}
		r.models[s.Name] = m
	}
	return r, nil
}

// load reads a file and opens its model. The version is that of the bytes read
// here; a file that changes meanwhile is read again by the next Refresh, since
// its stamp is older than it.
func (r *Registry) load(s Source) (*Model, error) {
	stamp, err := stampOf(s.Path)
	if err != nil {
		return nil, err
	}
	loaded, err := detector.Load(s.Path)
	if err != nil {
		return nil, err
	}
	d, closeAll, err := r.open(loaded)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	if err := warm(d); err != nil {
		closeAll()
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	return &Model{Name: s.Name, Version: loaded.Digest.String()[:12], Detector: d, path: s.Path, stamp: stamp, close: closeAll}, nil
}

// warm runs a detector on an empty picture of a camera's shape, so that its plan
// is there and a model that cannot run is found out.
func warm(d *detector.Detector) error {
	side := d.Model().Settings().Shorter
	_, _, err := d.Detect(imaging.New(side*4/3, side))
	return err
}

// Default is the name of the model that serves when none is named.
func (r *Registry) Default() string { return r.sources[0].Name }

// Acquire finds a model; "" is the default one. It is not closed before release
// is called, as often as there were calls of Acquire. It is nil if there is none
// of that name.
func (r *Registry) Acquire(name string) *Model {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.models[cmp.Or(name, r.Default())]
	if m != nil {
		m.users.Add(1)
	}
	return m
}

// Use counts one more user, of a model that has one.
func (m *Model) Use() { m.users.Add(1) }

// Release ends a use.
func (m *Model) Release() { m.users.Done() }

// All are the models that serve, in the order in which they were named. Release
// each.
func (r *Registry) All() []*Model {
	all := make([]*Model, len(r.sources))
	for i, s := range r.sources {
		all[i] = r.Acquire(s.Name)
	}
	return all
}

// Reload is what became of a model's file.
type Reload struct {
	Name, Old, New string // versions
	Err            error  // the old one serves on
}

// Refresh reloads models, with all set every one and otherwise those whose files
// have changed, and reports on each. A file that failed is left alone until it
// changes again.
func (r *Registry) Refresh(all bool) (done []Reload) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	for _, s := range r.sources {
		r.mu.Lock()
		old, failed := r.models[s.Name], r.failed[s.Path]
		r.mu.Unlock()
		now, err := stampOf(s.Path)
		if !all && (err == nil && (now == old.stamp || now == failed) || err != nil && failed == (stamp{size: -1})) {
			continue
		}
		if err != nil {
			now = stamp{size: -1} // gone: said once
		}
		report := r.reload(s, old)
		r.mu.Lock()
		if report.Err != nil {
			r.failed[s.Path] = now
		} else {
			delete(r.failed, s.Path)
		}
		r.mu.Unlock()
		done = append(done, report)
	}
	return done
}

// reload loads a file and, if it can, puts its model in the old one's place.
func (r *Registry) reload(s Source, old *Model) Reload {
	m, err := r.load(s)
	if err != nil {
		return Reload{Name: s.Name, Old: old.Version, Err: err}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.models[s.Name] = m
	r.retire(old)
	return Reload{Name: s.Name, Old: old.Version, New: m.Version}
}

// Reopen opens a model again, from its file, if it still is the one that serves.
func (r *Registry) Reopen(m *Model) (report Reload, tried bool) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	r.mu.Lock()
	current := r.models[m.Name] == m
	r.mu.Unlock()
	if !current {
		return Reload{}, false
	}
	return r.reload(Source{m.Name, m.path}, m), true
}

// retire closes a model when its last user is done.
func (r *Registry) retire(m *Model) {
	r.closing.Go(func() {
		m.users.Wait()
		m.close()
	})
}

// Watch refreshes every interval until the context ends, and tells of each
// reload. A file is read when it has stayed the same for one interval: whoever
// writes it in place is not done.
func (r *Registry) Watch(ctx context.Context, interval time.Duration, tell func(Reload)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := map[string]stamp{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		settled := true
		for _, s := range r.sources {
			now, _ := stampOf(s.Path)
			settled = settled && now == last[s.Path]
			last[s.Path] = now
		}
		if settled {
			for _, report := range r.Refresh(false) {
				tell(report)
			}
		}
	}
}

// Close closes all models and waits for those that are in use.
func (r *Registry) Close() {
	r.mu.Lock()
	for name, m := range r.models {
		delete(r.models, name)
		r.retire(m)
	}
	r.mu.Unlock()
	r.closing.Wait()
}

// Names lists the models in the order in which they were named.
func (r *Registry) Names() []string {
	names := make([]string, len(r.sources))
	for i, s := range r.sources {
		names[i] = s.Name
	}
	return names
}
