package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"scalenet/internal/brief"
	"scalenet/internal/media"
	"scalenet/results"
)

// tally counts images, objects and failures of a run, and tells of them on standard error. It is safe for concurrent use.
type tally struct {
	mu       sync.Mutex
	to       io.Writer
	classes  []string
	one      bool // the run has a single image, whose error is that of the run
	start    time.Time
	progress *progress // nil: the results are on the terminal
	objects  []int     // by class
	images   int
	failures []error // all if one, else none is kept
	failed   int
}

// newTally returns the tally of a run. toFiles says that the results do not go to standard output.
func newTally(ctx context.Context, c *cobra.Command, classes []string, list []media.Source, toFiles bool) *tally {
	t := &tally{to: c.ErrOrStderr(), classes: classes, objects: make([]int, len(classes)), start: time.Now()}
	t.one = len(list) == 1 && !list[0].Stream()
	if !t.one && (toFiles || !onTerminal(c.OutOrStdout())) {
		t.progress = newProgress(t.to, "images", imagesOf(ctx, list))
	}
	return t
}

// imagesOf returns the number of images of all sources, about; -1 if it is unknown.
func imagesOf(ctx context.Context, list []media.Source) (total int) {
	for _, s := range list {
		n := s.Count(ctx)
		if n < 0 {
			return -1
		}
		total += n
	}
	return total
}

// onTerminal reports whether a command's output goes to a terminal.
func onTerminal(w io.Writer) bool {
	if p, ok := w.(*printer); ok {
		w = p.to
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// count adds an image.
func (t *tally) count(found []results.Object) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.images++
	for _, x := range found {
		t.objects[x.Class-1]++
	}
	if done := t.images + t.failed; t.progress != nil && done != t.progress.total { // the closing line says the rest
		t.progress.done(done)
	}
}

// fail adds an error that concerns one image or frame.
func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed++; t.one {
		t.failures = append(t.failures, err)
		return
	}
	t.say(oneLine(err))
}

// note tells of something that is no failure.
func (t *tally) note(what error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.say(oneLine(what))
}

func (t *tally) say(text string) {
	if t.progress != nil {
		t.progress.end()
	}
	fmt.Fprintln(t.to, text)
}

// end tells of the whole run in a line, unless it has a single image or ended before its first.
func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.progress != nil {
		t.progress.end()
	}
	if t.one || t.images+t.failed == 0 {
		return
	}
	total, classes := 0, []string(nil)
	for k, n := range t.objects {
		if total += n; n > 0 {
			classes = append(classes, fmt.Sprintf("%s %d", t.classes[k], n))
		}
	}
	text := brief.Count(t.images, "image") + ", " + brief.Count(total, "object")
	if len(classes) > 0 {
		text += " (" + strings.Join(classes, ", ") + ")"
	}
	if t.failed > 0 {
		text += fmt.Sprintf(", %d failed", t.failed)
	}
	took := time.Since(t.start)
	t.say(fmt.Sprintf("%s; %v, %.1f images/s", text, took.Round(100*time.Millisecond), float64(t.images)/max(took.Seconds(), 1e-9)))
}

// err returns the error of the run if any image failed.
func (t *tally) err() error {
	switch {
	case t.failed == 0:
		return nil
	case t.one:
		return t.failures[0]
	}
	return fmt.Errorf("%d of %d images failed", t.failed, t.failed+t.images)
}
