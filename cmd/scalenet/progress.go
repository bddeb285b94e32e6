package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// progress prints the number of items done, items per second and the remaining
// time: on a terminal in a line that is rewritten, elsewhere as one line every five
// seconds.
type progress struct {
	to          io.Writer
	what        string
	total       int // -1 if unknown
	first       int // done before the start
	start, told time.Time
	interval    time.Duration
	terminal    bool
}

func newProgress(to io.Writer, what string, total int) *progress {
	p := &progress{to: to, what: what, total: total, start: time.Now(), told: time.Now(), interval: 5 * time.Second}
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal, p.interval = true, 200*time.Millisecond
	}
	return p
}

// from sets the number of items done before the start, which do not count for the
// rate.
func (p *progress) from(done int) { p.first, p.start = done, time.Now() }

// done reports that n of the total are done.
func (p *progress) done(n int) {
	now := time.Now()
	if now.Sub(p.told) < p.interval && n != p.total {
		return
	}
	p.told = now
	rate := float64(n-p.first) / max(now.Sub(p.start).Seconds(), 1e-9)
	of := fmt.Sprintf("/%d", p.total)
	if p.total < 0 {
		of = ""
	}
	text := fmt.Sprintf("%d%s %s  %.1f/s", n, of, p.what, rate)
	if n < p.total && rate > 0 {
		left := time.Duration(float64(p.total-n) / rate * float64(time.Second))
		text += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	if !p.terminal {
		fmt.Fprintln(p.to, text)
		return
	}
	fmt.Fprintf(p.to, "\r\x1b[K%s", text)
	if n == p.total {
		fmt.Fprintln(p.to)
	}
}

// end ends the line of a terminal if not all items are done.
func (p *progress) end() {
	if p.terminal && p.told.After(p.start) {
		fmt.Fprint(p.to, "\r\x1b[K")
	}
}
