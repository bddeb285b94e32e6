package bench

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
)

// Result is the result of a case.
type Result struct {
	Case        string   `json:"case"`
	About       string   `json:"about"`
	Contestants []Figure `json:"contestants"` // ScaleNet first
	Goals       []Check  `json:"goals"`
}

// Figure has the times and the memory of one framework.
type Figure struct {
	Name     string  `json:"name"`
	Version  string  `json:"version,omitempty"`
	BestMs   float64 `json:"best_ms"`
	MedianMs float64 `json:"median_ms"`
	// Ratio is the best time of ScaleNet / that of this framework. Below 1, ScaleNet is faster.
	Ratio float64 `json:"ratio"`
	// CPUMs is the CPU time of a run, of all threads, in the best round. CPURatio is
	// that of ScaleNet / that of this framework. On a shared machine it is more
	// reliable than wall time, with one thread, because waiting threads spin.
	CPUMs    float64 `json:"cpu_ms"`
	CPURatio float64 `json:"cpu_ratio"`
	RSSMB    float64 `json:"rss_mb"`
	Runs     int     `json:"runs"`
}

// Check is a target with the measured value.
type Check struct {
	Goal string `json:"goal"`
	// Value and Limit are ratios, or milliseconds. Value is 0 if the baseline was not
	// measured.
	Value    float64 `json:"value"`
	Limit    float64 `json:"limit"`
	Measured bool    `json:"measured"`
	Pass     bool    `json:"pass"`
}

// Compare times a case in ScaleNet and its baselines in turn.
func Compare(ctx context.Context, c Case, o Options) (Result, error) {
	var all []*contestant
	defer func() {
		for _, p := range all {
			p.stop()
		}
	}()
	// One after the other, because loading takes CPU time from others.
	first, err := o.ours(ctx, "ours", c.Name)
	if err != nil {
		return Result{}, err
	}
	all = append(all, first)
	for _, p := range c.Peers {
		var next *contestant
		switch {
		case o.Unsupported[p.Features] != nil:
			continue
		case p.Case != "":
			next, err = o.ours(ctx, p.Name, p.Case)
		case o.Python != "":
			next, err = o.peer(ctx, p)
		default:
			continue
		}
		if err != nil {
			return Result{}, fmt.Errorf("case %s: %w", c.Name, err)
		}
		all = append(all, next)
	}
	for range o.Rounds {
		for _, p := range all {
			if err := p.round(); err != nil {
				return Result{}, fmt.Errorf("case %s: %w", c.Name, err)
			}
		}
	}
	r := Result{Case: c.Name, About: c.About}
	for _, p := range all {
		r.Contestants = append(r.Contestants, Figure{
			Name: p.name, Version: p.version, BestMs: p.best(), MedianMs: p.median(), Ratio: first.best() / p.best(),
			CPUMs: p.cpuMs, CPURatio: first.cpuMs / max(p.cpuMs, tickMs/float64(len(p.ms))), RSSMB: p.rssMB, Runs: len(p.ms),
		})
	}
	for _, g := range c.Goals {
		r.Goals = append(r.Goals, g.check(r.Contestants))
	}
	return r, nil
}

// check compares a target with the measured values, of which the first is that of ScaleNet.
func (g Goal) check(figures []Figure) Check {
	ours := figures[0]
	if g.Peer == "" {
		return Check{fmt.Sprintf("at most %g ms", g.AtMostMs), ours.BestMs, g.AtMostMs, true, ours.BestMs <= g.AtMostMs}
	}
	c := Check{Goal: fmt.Sprintf("at most %g times %s", g.Ratio, g.Peer), Limit: g.Ratio}
	if g.Memory {
		c.Goal = fmt.Sprintf("at most %g times the memory of %s", g.Ratio, g.Peer)
	}
	for _, f := range figures[1:] {
		if f.Name != g.Peer {
			continue
		}
		c.Value, c.Measured = f.Ratio, true
		if g.Memory {
			c.Value = ours.RSSMB / f.RSSMB
		}
		c.Pass = c.Value <= c.Limit
	}
	return c
}

// WriteTable writes a result as a table.
func (r Result) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n", r.Case, r.About)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tbest ms\tmedian ms\tours/theirs\tCPU ms\tours/theirs\tmemory MB\truns\t")
	for _, f := range r.Contestants {
		fmt.Fprintf(t, "%s %s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%d\t\n", f.Name, f.Version, f.BestMs, f.MedianMs, f.Ratio, f.CPUMs, f.CPURatio, f.RSSMB, f.Runs)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, g := range r.Goals {
		verdict := "FAIL"
		switch {
		case !g.Measured:
			verdict = "not measured"
		case g.Pass:
			verdict = "pass"
		}
		fmt.Fprintf(w, "  %s: %s", verdict, g.Goal)
		if g.Measured {
			fmt.Fprintf(w, " (%.2f)", g.Value)
		}
		fmt.Fprintln(w)
	}
	_, err := fmt.Fprintln(w)
	return err
}
