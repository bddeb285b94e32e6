package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/internal/analysis"
)

// reportOptions are the flags of the commands that write an error analysis.
type reportOptions struct {
	dir   string
	score float64
	worst int
}

func (o *reportOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.dir, "report", "", "folder for an error analysis")
	f.Float64Var(&o.score, "score", 0, "operating point of the report: minimum score of a detection (default: the score of highest F1)")
	f.IntVar(&o.worst, "worst", 24, "number of images with the most mistakes in the report")
}

// check checks the flags. further are flags that only the report uses, too.
func (o *reportOptions) check(c *cobra.Command, further ...string) error {
	for _, name := range append([]string{"score", "worst"}, further...) {
		if o.dir == "" && c.Flags().Changed(name) {
			return fmt.Errorf("--%s needs --report", name)
		}
	}
	if o.worst < 0 {
		return fmt.Errorf("--worst %d: want at least 0", o.worst)
	}
	return nil
}

// files returns the files of the report, none without --report.
func (o *reportOptions) files() []output {
	if o.dir == "" {
		return nil
	}
	return in(o.dir, "--report", analysis.ReportFiles()...)
}

// write writes the report, and a line on it to log.
func (o *reportOptions) write(log io.Writer, to outputs, v coco.Evaluator, gt *coco.Dataset, dt *coco.Results) error {
	a, err := analysis.Analyse(gt, dt, analysis.Options{Evaluator: v, Score: o.score})
	if err != nil {
		return err
	}
	if err := to.writeInto(o.dir, func(dir string) error { return a.WriteReport(dir, o.worst) }); err != nil {
		return err
	}
	fmt.Fprintf(log, "report: %s\n", analysis.ReportPath(o.dir))
	return nil
}
