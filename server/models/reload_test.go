package models

import (
	"cmp"
	"context"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPassingErrors: a file that could not be read is tried again, at most once
// in four checks, and said once; one that was read and is invalid is not.
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
					require.Greater(t, tried, 50/(maxSkips+1))
					require.Less(t, tried, 20)
				}
				w.setFault(nil)
				for range 1 + maxSkips {
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
		want   int // checks after which the new model serves
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
