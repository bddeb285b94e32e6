package train

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress tells a person how a run goes: a bar on a terminal, a line at
// intervals elsewhere. A nil Progress is silent.
type Progress struct {
	to       io.Writer
	bar      *progressbar.ProgressBar
	terminal bool
	interval time.Duration
	last     time.Time
	began    time.Time
	first    int // the step before the first that was told
}

// NewProgress writes to a file, usually os.Stderr; on what is no terminal at
// most a line an interval.
func NewProgress(to *os.File, interval time.Duration) *Progress {
	return &Progress{to: to, terminal: term.IsTerminal(int(to.Fd())), interval: interval}
}

func (p *Progress) step(r Row, total, epochs int) {
	if p == nil {
		return
	}
	now := time.Now()
	if p.began.IsZero() {
		p.began, p.first = now, r.Step
	}
	text := fmt.Sprintf("epoch %d/%d  loss %.4f  lr %.3g  %.1f img/s", r.Epoch, epochs, r.Total(), r.LR, r.ImagesPerSecond)
	if p.terminal {
		p.draw(text, r.Step, total)
		return
	}
	if now.Sub(p.last) < p.interval && r.Step != total {
		return
	}
	p.last = now
	left := ""
	if done := r.Step - p.first; done > 0 {
		rest := now.Sub(p.began) / time.Duration(done) * time.Duration(total-r.Step)
		left = fmt.Sprintf("  %s left", rest.Round(time.Second))
	}
	fmt.Fprintf(p.to, "step %d/%d  %s  data wait %.0f%%%s\n", r.Step, total, text, 100*r.DataWait, left)
}

func (p *Progress) draw(text string, step, total int) {
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.to), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionThrottle(200*time.Millisecond))
		p.bar.Set(step - 1)
	}
	p.bar.Describe(text)
	p.bar.Set(step)
}

func (p *Progress) evaluated(r EvalRow) {
	if p == nil {
		return
	}
	parts := make([]string, len(r.Metrics))
	for i, m := range r.Metrics {
		parts[i] = fmt.Sprintf("%s %.4g", m.Name, m.Value)
	}
	best := ""
	if r.Best {
		best = "  (best so far)"
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintf(p.to, "epoch %d evaluated: %s%s\n", r.Epoch, strings.Join(parts, ", "), best)
}

// finish leaves the bar, if there is one, on a line of its own.
func (p *Progress) finish() {
	if p != nil && p.bar != nil {
		fmt.Fprintln(p.to)
	}
}
