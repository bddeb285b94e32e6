package models

import (
	"context"
	"time"
)

// Reload is the result of reloading a model file.
type Reload struct {
	Name, Old, New string // versions
	Err            error  // the old model stays in use
}

// failure is a model file that could not be loaded.
type failure struct {
	stamp     stamp
	message   string
	transient bool // retried even if the file does not change
	tries     int
	skips     int // checks to skip before the next try
}

// maxSkips is the maximum number of checks that are skipped between two tries, because
// loading takes time from the models in use.
const maxSkips = 3

// Refresh reloads the models whose files have changed, or all models, and returns one
// Reload per model. An invalid file is retried only after it changes. A file that
// could not be read is retried, and reported again if the error differs. Refresh does
// nothing after Close.
func (r *Registry) Refresh(all bool) []Reload {
	return r.refresh(all, func(string, stamp) bool { return true })
}

// Watch refreshes every interval until the context or the registry ends, and reports
// each reload. A file that is written in place is read when it has not changed for
// one interval. A file that was renamed to the path is complete and read at once.
func (r *Registry) Watch(ctx context.Context, interval time.Duration, report func(Reload)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := map[string]stamp{}
	for _, s := range r.sources {
		last[s.Path], _ = r.files.stat(s.Path)
	}
	settled := func(path string, now stamp) bool {
		before := last[path]
		last[path] = now
		return now == before || now.renamed(before)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.ending.Done():
			return
		case <-ticker.C:
		}
		for _, done := range r.refresh(false, settled) {
			report(done)
		}
	}
}

// refresh reloads all models, or those whose files are due and, according to settled,
// completely written.
func (r *Registry) refresh(all bool, settled func(path string, now stamp) bool) (done []Reload) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-r.ending.Done():
		return nil
	}
	for _, s := range r.sources {
		if r.ending.Err() != nil {
			break
		}
		now, err := r.files.stat(s.Path)
		if ready := settled(s.Path, now); !all && (!ready || !r.due(s, now, err)) {
			continue
		}
		report, ok := r.reload(s)
		if !ok {
			break
		}
		if news := r.note(s.Path, now, report.Err); news || all {
			done = append(done, report)
		}
	}
	return done
}

// due reports whether to load a file: it is not the one in use, and has not failed with
// an error that would occur again.
func (r *Registry) due(s Source, now stamp, err error) bool {
	r.mu.Lock()
	m := r.models[s.Name]
	r.mu.Unlock()
	if m != nil && err == nil && now == m.stamp {
		delete(r.failed, s.Path)
		return false
	}
	f, failed := r.failed[s.Path]
	switch {
	case !failed || f.stamp != now:
		return true
	case f.transient && f.skips > 0:
		f.skips--
		r.failed[s.Path] = f
		return false
	}
	return f.transient
}

// note records the result of a try. It returns false if the same error was reported
// before.
func (r *Registry) note(path string, tried stamp, err error) bool {
	if err == nil {
		delete(r.failed, path)
		return true
	}
	before := r.failed[path]
	f := failure{stamp: tried, message: err.Error(), transient: transient(err), tries: 1}
	same := f.stamp == before.stamp && f.message == before.message
	if same {
		f.tries = before.tries + 1
	}
	f.skips = min(f.tries-1, maxSkips)
	r.failed[path] = f
	return !same
}

// reload loads a file and replaces the model in use. If the file cannot be loaded, the
// old model stays in use. ok is false if the registry is closed.
func (r *Registry) reload(s Source) (report Reload, ok bool) {
	m, err := r.load(r.ending, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		if err == nil {
			m.close()
		}
		return Reload{}, false
	}
	old := r.models[s.Name]
	if err != nil {
		return Reload{Name: s.Name, Old: old.Version, Err: err}, true
	}
	r.models[s.Name] = m
	r.retire(old)
	return Reload{Name: s.Name, Old: old.Version, New: m.Version}, true
}

// Reopen loads a model again from its file, on a new device. tried is false if the model
// is no longer in use.
func (r *Registry) Reopen(m *Model) (report Reload, tried bool) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-r.ending.Done():
		return Reload{}, false
	}
	r.mu.Lock()
	current := r.models[m.Name] == m
	r.mu.Unlock()
	if !current {
		return Reload{}, false
	}
	return r.reload(Source{m.Name, m.path})
}
