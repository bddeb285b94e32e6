package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/internal/analysis"
	"scalenet/internal/brief"
)

type cocoCompareOptions struct {
	gt           string
	json, quirks bool
	top          int
	compare      analysis.CompareOptions
}

func newCocoCompareCommand() *cobra.Command {
	var o cocoCompareOptions
	c := &cobra.Command{
		Use:   "compare --gt FILE FIRST SECOND",
		Short: "Compare two COCO results files by class and by image",
		Long: `Evaluate two COCO results files on the same annotations and print the changes from
the first to the second: the twelve AP and AR metrics, AP per class, and the images
with more or fewer mistakes. A mistake is a missed object or a false positive at
IoU 0.5, at the score threshold of highest F1 of each file.

Each change has a 95 % bootstrap confidence interval, from resampling images. If
the interval contains 0, the change is marked "~" (not significant).`,
		Example: `  scalenet coco compare --gt instances_val2017.json before.json after.json
  scalenet coco compare --gt instances_val2017.json before.json after.json --json`,
		Args: takes("FIRST", "SECOND"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1]) },
	}
	f := c.Flags()
	f.StringVar(&o.gt, "gt", "", "COCO instances file with the ground truth")
	f.BoolVar(&o.json, "json", false, "print JSON, with all classes and images")
	f.BoolVar(&o.quirks, "reference-quirks", false, "reproduce the defects of pycocotools, as in coco eval")
	f.Float64Var(&o.compare.Score, "score", 0, "minimum score of a detection for the list of images (default: the score of highest F1 of each file)")
	f.IntVar(&o.compare.Resamples, "resamples", 1000, "number of bootstrap resamples")
	f.Uint64Var(&o.compare.Seed, "seed", 1, "random seed of the bootstrap")
	f.IntVar(&o.top, "top", 15, "number of classes, improved images and worsened images to list")
	requireFlags(c, "gt")
	return c
}

func (o *cocoCompareOptions) run(c *cobra.Command, first, second string) error {
	if o.top < 0 {
		return fmt.Errorf("--top %d: want at least 0", o.top)
	}
	o.compare.Evaluator = coco.Evaluator{ReferenceQuirks: o.quirks}
	gt, a, err := o.compare.Evaluator.ReadFiles(o.gt, first)
	if err != nil {
		return err
	}
	b, err := coco.ReadResults(second)
	if err != nil {
		return err
	}
	result, err := analysis.Compare(gt, a, b, o.compare)
	if err != nil {
		return err
	}
	warnChanges(c.ErrOrStderr(), gt)
	for _, side := range []analysis.Contestant{result.First, result.Second} {
		warnUnlisted(c.ErrOrStderr(), side.Results, side.Unlisted, o.gt)
	}
	if o.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(result)
	}
	return o.write(c.OutOrStdout(), result)
}

func (o *cocoCompareOptions) write(w io.Writer, r *analysis.Comparison) error {
	fmt.Fprintf(w, "first:  %s\nsecond: %s\n\n", r.First.Results, r.Second.Results)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tfirst\tsecond\tchange\t95 %\t\t")
	for i, name := range coco.StatNames() {
		a, b := r.First.Stats[i], r.Second.Stats[i]
		if i == 0 {
			fmt.Fprintf(t, "%s\t%s\n", name, changeColumns(r.AP))
			continue
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%+.3f\t\t\t\n", name, a, b, b-a)
	}
	fmt.Fprintln(t, "\t\t\t\t\t\t")
	fmt.Fprintln(t, "class\tfirst\tsecond\tchange in AP\t95 %\t\tobjects\t")
	for _, k := range r.Classes[:min(o.top, len(r.Classes))] {
		fmt.Fprintf(t, "%s\t%s%d\t\n", k.Name, changeColumns(k.Change), k.Objects)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if left := len(r.Classes) - o.top; left > 0 {
		fmt.Fprintf(w, "(%d more classes with smaller changes: --json)\n", left)
	}
	return o.writeImages(w, r.PerImage)
}

// changeColumns returns the columns of a change: the difference, the confidence
// interval, and "~" if the change is not significant.
func changeColumns(c analysis.Change) string {
	mark := ""
	if c.Chance() {
		mark = "~"
	}
	return fmt.Sprintf("%.3f\t%.3f\t%+.3f\t%+.3f..%+.3f\t%s\t", c.First, c.Second, c.Delta, c.Low, c.High, mark)
}

// writeImages lists the most improved and the most worsened images.
func (o *cocoCompareOptions) writeImages(w io.Writer, list []analysis.ImageChange) error {
	better := 0
	for better < len(list) && list[better].Second < list[better].First {
		better++
	}
	fmt.Fprintf(w, "\n%s with fewer mistakes, %d with more\n", brief.Count(better, "image"), len(list)-better)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\timage\tmistakes first\tsecond\t")
	for i, p := range list {
		kind := "better"
		if i >= better {
			kind = "worse"
		}
		if i >= min(better, o.top) && i < max(better, len(list)-o.top) {
			continue
		}
		name := p.File
		if name == "" {
			name = fmt.Sprint(p.ID)
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t\n", kind, name, p.First, p.Second)
	}
	return t.Flush()
}
