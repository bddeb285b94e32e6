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

// Progress shows the progress of a run: as a bar on a terminal, otherwise as a line
// at intervals. A nil Progress shows nothing.
type Progress struct {
	to       io.Writer
	bar      *progressbar.ProgressBar
	terminal bool
	interval time.Duration
	last     time.Time
	began    time.Time
	first    int // the step before the first that was reported
}

// NewProgress returns a Progress that writes to a file, usually os.Stderr. If the
// file is not a terminal, it writes at most one line per interval.
func NewProgress(to io.Writer, interval time.Duration) *Progress {
	return &Progress{to: to, terminal: isTerminal(to), interval: interval}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Note prints a line.
func (p *Progress) Note(text string) {
	if p == nil {
		return
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintln(p.to, text)
}

// step shows a step. left is the time that is left, 0 if it is to be estimated.
func (p *Progress) step(r Row, total, epochs int, left time.Duration) {
	if p == nil {
		return
	}
	now := time.Now()
	remaining := p.left(now, r.Step, total)
	if left > 0 {
		remaining = fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	text := fmt.Sprintf("epoch %d/%d  loss %.4f%s  lr %.3g  %.1f img/s  data wait %.0f%%%s",
		r.Epoch, epochs, r.Total(), parts(r.Losses), r.LR, r.ImagesPerSecond, 100*r.DataWait, remaining)
	if p.terminal {
		p.draw(text, r.Step, total)
		return
	}
	if now.Sub(p.last) < p.interval && r.Step != total {
		return
	}
	p.last = now
	fmt.Fprintf(p.to, "step %d/%d  %s\n", r.Step, total, text)
}

// parts returns the losses that the total is the sum of, if there are several.
func parts(losses []Metric) string {
	if len(losses) < 2 {
		return ""
	}
	var list []string
	for _, l := range losses {
		list = append(list, fmt.Sprintf("%s %.3f", strings.TrimPrefix(l.Name, "loss_"), l.Value))
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// Evaluating shows the progress of an evaluation: the number of images done, and of all.
func (p *Progress) Evaluating(done, total int) {
	if p == nil || done == 0 {
		return
	}
	now := time.Now()
	if p.terminal && p.bar != nil {
		p.bar.Describe(fmt.Sprintf("evaluating: image %d of %d", done, total))
		return
	}
	if now.Sub(p.last) < p.interval || done == total {
		return
	}
	p.last = now
	fmt.Fprintf(p.to, "evaluating: image %d of %d\n", done, total)
}

// left estimates the remaining time from the steps reported so far. The estimate of
// the bar itself would count the steps before a resume.
func (p *Progress) left(now time.Time, step, total int) string {
	if p.began.IsZero() {
		p.began, p.first = now, step
		return ""
	}
	rest := float64(now.Sub(p.began)) / float64(step-p.first) * float64(total-step)
	return fmt.Sprintf("  %s left", time.Duration(rest).Round(time.Second))
}

func (p *Progress) draw(text string, step, total int) {
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.to), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
			progressbar.OptionFullWidth(), progressbar.OptionThrottle(200*time.Millisecond))
	}
	p.bar.Describe(text)
	p.bar.Set(step)
}

func (p *Progress) evaluated(r EvalRow) {
	if p == nil {
		return
	}
	var parts []string
	for _, m := range r.Metrics {
		if !strings.Contains(m.Name, "/") { // a class of many: the log has it
			parts = append(parts, fmt.Sprintf("%s %.4g", m.Name, m.Value))
		}
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

// finish ends the line of the bar, if any.
func (p *Progress) finish() {
	if p != nil && p.bar != nil {
		fmt.Fprintln(p.to)
	}
}
