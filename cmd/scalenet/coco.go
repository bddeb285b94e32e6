package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/analysis"
)

func newCocoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "coco",
		Short: "Evaluate detections as COCO does",
		Args:  takes(),
	}
	c.AddCommand(newCocoEvalCommand(), newCocoCompareCommand())
	return c
}

// cocoFigures is what `coco eval --json` prints.
type cocoFigures struct {
	Stats    coco.Stats             `json:"stats"`
	PerClass map[string]cocoByClass `json:"per_class"` // by name, or by id where a category has no name or shares it
	Images   int                    `json:"images"`
	Unlisted int                    `json:"unlisted"` // detections of unknown categories
	Ignored  int                    `json:"ignored"`  // objects with "ignore"
}

type cocoByClass struct {
	AP         float64    `json:"ap"`
	AP50       float64    `json:"ap50"`
	Objects    int        `json:"objects"`
	Detections int        `json:"detections"`
	Stats      coco.Stats `json:"stats"`
}

// belowMinimum is the error of `coco eval --min-ap`, with an exit status of its own: the files are fine, the detector is not.
type belowMinimum struct{ ap, minimum float64 }

func (e *belowMinimum) Error() string {
	return fmt.Sprintf("AP %.4f is below --min-ap %v", e.ap, e.minimum)
}

// ExitCode is the exit status.
func (e *belowMinimum) ExitCode() int { return 3 }

type cocoEvalOptions struct {
	gt, dt, report, images string
	output                 outputs
	json, quirks           bool
	minAP, score           float64
	worst                  int
}

func newCocoEvalCommand() *cobra.Command {
	var o cocoEvalOptions
	c := &cobra.Command{
		Use:   "eval --gt FILE --dt FILE",
		Short: "Compare a results file with annotations",
		Long: `Compare boxes in a COCO results file with a COCO instances file: the twelve
figures of pycocotools, equal to its own, and the figures of each class. A figure
that no object counts for is -1.

--report writes a folder: report.html (one file to look at or pass on), report.json
and the charts as PNG, with the kinds of errors, confusions, figures by object
size and the worst images.

Exit status: 0; 1 for input that cannot be evaluated; 3 for an AP below --min-ap.`,
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
	f.BoolVar(&o.quirks, "reference-quirks", false, "repeat pycocotools' defects (docs/evaluation.md lists them), for the identical figure")
	f.Float64Var(&o.minAP, "min-ap", 0, "exit with status 3 if AP is below this")
	f.StringVar(&o.report, "report", "", "folder to write a report to")
	f.StringVar(&o.images, "images", "", "folder of the images, for the report; without it boxes are drawn on a blank canvas")
	f.Float64Var(&o.score, "score", 0, "the report's operating point: the least score that counts (default: where F1 is largest)")
	f.IntVar(&o.worst, "worst", 24, "images with most mistakes that the report shows")
	o.output.flags(c, "report")
	requireFlags(c, "gt", "dt")
	return c
}

func (o *cocoEvalOptions) run(c *cobra.Command) error {
	if o.report == "" {
		for _, name := range []string{"images", "score", "worst"} {
			if c.Flags().Changed(name) {
				return fmt.Errorf("--%s is about the report: it needs --report", name)
			}
		}
	}
	if o.worst < 0 {
		return fmt.Errorf("--worst %d: no number of images", o.worst)
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
	if e.Unlisted > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s: %d detections of categories that %s does not list were dropped\n", o.dt, e.Unlisted, o.gt)
	}
	if e.Ignored > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "%s: %d objects have \"ignore\" and count neither as found nor as missed; pycocotools counts them (--reference-quirks)\n", o.gt, e.Ignored)
	}
	if o.report != "" {
		if err := o.writeReport(c, v, gt, dt); err != nil {
			return err
		}
	}
	if o.json {
		err = json.NewEncoder(c.OutOrStdout()).Encode(newCocoFigures(e))
	} else {
		err = writeCocoFigures(c.OutOrStdout(), e)
	}
	if err == nil && c.Flags().Changed("min-ap") && e.Stats.AP() < o.minAP {
		err = &belowMinimum{e.Stats.AP(), o.minAP}
	}
	return err
}

func (o *cocoEvalOptions) reportFiles() []output {
	return in(o.report, "--report", analysis.ReportFiles()...)
}

// checkReport is for what can be said before files are read.
func (o *cocoEvalOptions) checkReport() error {
	if o.report == "" {
		return nil
	}
	if o.images != "" {
		if info, err := os.Stat(o.images); err != nil || !info.IsDir() {
			return errors.Join(err, fmt.Errorf("--images %s is no folder", o.images))
		}
	}
	return o.output.check([]string{o.gt, o.dt}, o.reportFiles()...)
}

func (o *cocoEvalOptions) writeReport(c *cobra.Command, v coco.Evaluator, gt *coco.Dataset, dt *coco.Results) error {
	gt.ImagesDir = "" // without --images none is looked for
	if o.images != "" {
		gt.ImagesDir = o.images
	}
	if err := o.output.check(gt.Files(), o.reportFiles()...); err != nil {
		return err
	}
	a, err := analysis.Analyse(gt, dt, analysis.Options{Evaluator: v, Score: o.score})
	if err != nil {
		return err
	}
	err = o.output.writeInto(o.report, func(dir string) error { return a.WriteReport(dir, o.worst) })
	if err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "report: %s\n", analysis.ReportPath(o.report))
	return nil
}

func newCocoFigures(e *coco.Evaluation) cocoFigures {
	f := cocoFigures{Stats: e.Stats, PerClass: make(map[string]cocoByClass, len(e.Classes)), Images: e.Images, Unlisted: e.Unlisted, Ignored: e.Ignored}
	for _, k := range e.Classes {
		name := cocoClassName(k)
		if _, taken := f.PerClass[name]; taken {
			name = strconv.FormatInt(k.ID, 10)
		}
		f.PerClass[name] = cocoByClass{k.Stats.AP(), k.Stats.AP50(), k.Objects, k.Detections, k.Stats}
	}
	return f
}

func cocoClassName(k coco.ClassFigures) string {
	if k.Name == "" {
		return strconv.FormatInt(k.ID, 10)
	}
	return k.Name
}

func writeCocoFigures(w io.Writer, e *coco.Evaluation) error {
	if err := e.Stats.Print(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "class\tobjects\tdetections\tAP\tAP50\tAP75\tAPs\tAPm\tAPl\tAR100\t")
	for _, k := range e.Classes {
		s := k.Stats
		fmt.Fprintf(t, "%s\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t\n", cocoClassName(k), k.Objects, k.Detections,
			s[0], s[1], s[2], s[3], s[4], s[5], s[8])
	}
	return t.Flush()
}
