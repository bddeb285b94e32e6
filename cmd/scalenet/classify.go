package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/classify"
)

func newClassifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "classify",
		Short: "Train, test and run classifiers",
		Args:  takes(),
	}
	c.AddCommand(newClassifyTrainCommand(), newClassifyEvalCommand(), newClassifyPredictCommand(), newClassifySearchCommand())
	return c
}

// labelledImages are the flags that say what to do about images that cannot
// be read.
type labelledImages struct {
	skipBad bool
	skipped *classify.Skipped
}

func (o *labelledImages) flags(c *cobra.Command) {
	c.Flags().BoolVar(&o.skipBad, "skip-bad", false, "leave out images that cannot be read, and count them, instead of stopping")
}

// open reads a part of a data set and says on w what is in it.
func (o *labelledImages) open(w io.Writer, path, part string) (*classify.Dataset, error) {
	if o.skipBad && o.skipped == nil {
		o.skipped = &classify.Skipped{Tell: func(err error) { fmt.Fprintln(w, "left out:", oneLine(err)) }}
	}
	d, err := classify.Open(path, part)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "%s: %d images of %d classes for %s\n", d.Path, d.Len(), len(d.Classes), part)
	return d, nil
}

// tell says how many images were left out, if any.
func (o *labelledImages) tell(w io.Writer) {
	if n := o.skipped.Count(); n > 0 {
		fmt.Fprintf(w, "%d images could not be read and were left out\n", n)
	}
}
