package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/internal/brief"
)

func newCocoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "coco",
		Short: "Evaluate and compare COCO results files",
		Args:  takes(),
	}
	c.AddCommand(newCocoEvalCommand(), newCocoCompareCommand())
	return c
}

// cocoMetrics is what `coco eval --json` prints.
type cocoMetrics struct {
	Stats    coco.Stats             `json:"stats"`
	PerClass map[string]cocoByClass `json:"per_class"` // by name, as of coco.UniqueNames
	Images   int                    `json:"images"`
	Unlisted int                    `json:"unlisted"` // detections of categories that are no classes of the ground truth
	Ignored  int                    `json:"ignored"`  // objects with "ignore": 1
}

type cocoByClass struct {
	AP         float64    `json:"ap"`
	AP50       float64    `json:"ap50"`
	Objects    int        `json:"objects"`
	Detections int        `json:"detections"`
	Stats      coco.Stats `json:"stats"`
}

// belowMinimum is the error of `coco eval --min-ap`. It has its own exit status, because the input files are valid.
type belowMinimum struct{ ap, minimum float64 }

func (e *belowMinimum) Error() string {
	return fmt.Sprintf("AP %.4f is below --min-ap %v", e.ap, e.minimum)
}

// ExitCode is the exit status.
func (e *belowMinimum) ExitCode() int { return 3 }

type cocoEvalOptions struct {
	gt, dt, images string
	report         reportOptions
	output         outputs
	json, quirks   bool
	minAP          float64
}

func newCocoEvalCommand() *cobra.Command {
	var o cocoEvalOptions
	c := &cobra.Command{
		Use:   "eval --gt FILE --dt FILE",
		Short: "Evaluate a COCO results file: AP and AR as in pycocotools",
		Long: `Evaluate the boxes of a COCO results file against a COCO instances file. The
twelve AP and AR metrics have the same values as in pycocotools. AP per class is
printed, too. A metric without any ground-truth object is -1.

--report writes an error analysis to a folder: report.html (self-contained),
report.json and the charts as PNG. The report has error types, confusions, metrics
by object size and the worst images.

Exit status: 0 if the evaluation succeeded, 1 if an input file cannot be
evaluated, 3 if AP is below --min-ap.`,
		Example: `  scalenet coco eval --gt instances_val2017.json --dt results.json
  scalenet coco eval --gt instances_val2017.json --dt results.json --json --min-ap 0.3
  scalenet coco eval --gt instances_val2017.json --dt results.json --report runs/report --images val2017`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.gt, "gt", "", "COCO instances file with the ground truth")
	f.StringVar(&o.dt, "dt", "", "COCO results file with the detections")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.BoolVar(&o.quirks, "reference-quirks", false, "reproduce the defects of pycocotools that docs/evaluation.md lists, for identical values")
	f.Float64Var(&o.minAP, "min-ap", 0, "exit with status 3 if AP is below this")
	o.report.flags(c)
	f.StringVar(&o.images, "images", "", "image folder, for the report (default: boxes are drawn on a blank canvas)")
	o.output.flags(c, "report")
	requireFlags(c, "gt", "dt")
	return c
}

func (o *cocoEvalOptions) run(c *cobra.Command) error {
	if err := o.report.check(c, "images"); err != nil {
		return err
	}
	if err := o.checkReport(); err != nil {
		return err
	}
	v := coco.Evaluator{ReferenceQuirks: o.quirks}
	gt, dt, err := v.ReadFiles(o.gt, o.dt)
	if err != nil {
		return err
	}
	e, err := v.Evaluate(gt, dt)
	if err != nil {
		return err
	}
	warnChanges(c.ErrOrStderr(), gt)
	warnUnlisted(c.ErrOrStderr(), o.dt, e.Unlisted, o.gt)
	if e.Ignored > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s: %d objects have \"ignore\": 1 and count neither as found nor as missed; pycocotools counts them (--reference-quirks)\n", o.gt, e.Ignored)
	}
	if o.report.dir != "" {
		if err := o.writeReport(c, v, gt, dt); err != nil {
			return err
		}
	}
	if o.json {
		err = json.NewEncoder(c.OutOrStdout()).Encode(newCocoMetrics(e))
	} else {
		err = writeCocoMetrics(c.OutOrStdout(), e)
	}
	if err == nil && c.Flags().Changed("min-ap") && e.Stats.AP() < o.minAP {
		err = &belowMinimum{e.Stats.AP(), o.minAP}
	}
	return err
}

// warnChanges says what the reader left out of the ground truth, or took for a box.
func warnChanges(w io.Writer, gt *coco.Dataset) {
	for _, k := range gt.Changes.Kinds() {
		fmt.Fprintf(w, "%s: %d: %s\n", gt.Path, k.Count, k.Kind)
	}
}

// warnUnlisted says how many detections were dropped because of their category.
func warnUnlisted(w io.Writer, dt string, unlisted int, gt string) {
	if unlisted > 0 {
		fmt.Fprintf(w, "%s: dropped %s of categories that are no classes of %s\n", dt, brief.Count(unlisted, "detection"), gt)
	}
}

// checkReport checks the flags of the report before input files are read.
func (o *cocoEvalOptions) checkReport() error {
	if o.images != "" {
		if info, err := os.Stat(o.images); err != nil || !info.IsDir() {
			return errors.Join(err, fmt.Errorf("--images %s is not a folder", o.images))
		}
	}
	return o.output.check([]string{o.gt, o.dt}, o.report.files()...)
}

func (o *cocoEvalOptions) writeReport(c *cobra.Command, v coco.Evaluator, gt *coco.Dataset, dt *coco.Results) error {
	gt.ImagesDir = "" // without --images none is looked for
	if o.images != "" {
		gt.ImagesDir = o.images
	}
	if err := o.output.check(gt.Files(), o.report.files()...); err != nil {
		return err
	}
	return o.report.write(c.ErrOrStderr(), o.output, v, gt, dt)
}

func newCocoMetrics(e *coco.Evaluation) cocoMetrics {
	f := cocoMetrics{Stats: e.Stats, PerClass: make(map[string]cocoByClass, len(e.Classes)), Images: e.Images, Unlisted: e.Unlisted, Ignored: e.Ignored}
	names := classNames(e)
	for i, k := range e.Classes {
		f.PerClass[names[i]] = cocoByClass{k.Stats.AP(), k.Stats.AP50(), k.Objects, k.Detections, k.Stats}
	}
	return f
}

// classNames returns the names of the classes, as of coco.UniqueNames.
func classNames(e *coco.Evaluation) []string {
	categories := make([]coco.Category, len(e.Classes))
	for i, k := range e.Classes {
		categories[i] = k.Category
	}
	return coco.UniqueNames(categories)
}

func writeCocoMetrics(w io.Writer, e *coco.Evaluation) error {
	if err := e.Stats.Print(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "class\tobjects\tdetections\tAP\tAP50\tAP75\tAPs\tAPm\tAPl\tAR100\t")
	names := classNames(e)
	for i, k := range e.Classes {
		s := k.Stats
		fmt.Fprintf(t, "%s\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t\n", names[i], k.Objects, k.Detections,
			s[0], s[1], s[2], s[3], s[4], s[5], s[8])
	}
	return t.Flush()
}
