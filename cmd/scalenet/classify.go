package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/classify"
	"scalenet/internal/brief"
)

func newClassifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "classify",
		Short: "Train, evaluate and run image classifiers",
		Args:  takes(),
	}
	c.AddCommand(newClassifyTrainCommand(), newClassifyEvalCommand(), newClassifyPredictCommand(), newClassifySearchCommand())
	return c
}

// labelledImages are the flags for images that cannot be read.
type labelledImages struct {
	skipBad bool
	skipped *classify.Skipped
}

func (o *labelledImages) flags(c *cobra.Command) {
	c.Flags().BoolVar(&o.skipBad, "skip-bad", false, "skip and count images that cannot be read, instead of stopping with an error")
}

// open reads a part of a data set and prints its counts to w.
func (o *labelledImages) open(w io.Writer, path, part string) (*classify.Dataset, error) {
	if o.skipBad && o.skipped == nil {
		o.skipped = &classify.Skipped{Report: func(err error) { fmt.Fprintln(w, "skipped:", oneLine(err)) }}
	}
	d, err := classify.Open(path, part)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "%s: %s, %s for %s\n", d.Path, brief.Count(d.Len(), "image"), brief.Count(len(d.Classes), "class"), part)
	return d, nil
}

// tell prints how many images were skipped, if any.
func (o *labelledImages) tell(w io.Writer) {
	if n := o.skipped.Count(); n > 0 {
		fmt.Fprintf(w, "skipped %s that could not be read\n", brief.Count(n, "image"))
	}
}
