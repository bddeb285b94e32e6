package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"scalenet/coco"
)

func newCocoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "coco",
		Short: "Evaluate detections as COCO does",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(newCocoEvalCommand())
	return c
}

// cocoFigures is what `coco eval --json` prints.
type cocoFigures struct {
	Stats    coco.Stats             `json:"stats"`
	PerClass map[string]cocoByClass `json:"per_class"` // by name, or by id where a category has no name
	Images   int                    `json:"images"`
	Unlisted int                    `json:"unlisted"` // detections of unknown categories
}

type cocoByClass struct {
	AP         float64 `json:"ap"`
	AP50       float64 `json:"ap50"`
	Objects    int     `json:"objects"`
	Detections int     `json:"detections"`
}

func newCocoEvalCommand() *cobra.Command {
	var (
		gt, dt string
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "eval --gt FILE --dt FILE",
		Short: "Compare a results file with annotations",
		Long: `Compare boxes in a COCO results file with a COCO instances file: the twelve
figures of pycocotools, equal to its own, and the average precision of each class.
A figure that no object counts for is -1.`,
		Example: `  scalenet coco eval --gt instances_val2017.json --dt results.json
  scalenet coco eval --gt instances_val2017.json --dt results.json --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			e, err := coco.EvaluateFiles(gt, dt)
			if err != nil {
				return err
			}
			if e.Unlisted > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "%s: %d detections of categories that %s does not list were dropped\n", dt, e.Unlisted, gt)
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(newCocoFigures(e))
			}
			return writeCocoFigures(c.OutOrStdout(), e)
		},
	}
	c.Flags().StringVar(&gt, "gt", "", "COCO instances file with the ground truth")
	c.Flags().StringVar(&dt, "dt", "", "COCO results file with the detections")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	for _, name := range []string{"gt", "dt"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return c
}

func newCocoFigures(e *coco.Evaluation) cocoFigures {
	f := cocoFigures{Stats: e.Stats, PerClass: make(map[string]cocoByClass, len(e.Classes)), Images: e.Images, Unlisted: e.Unlisted}
	for _, k := range e.Classes {
		f.PerClass[cocoClassName(k)] = cocoByClass{k.Stats.AP(), k.Stats.AP50(), k.Objects, k.Detections}
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
	fmt.Fprintln(t, "class\tobjects\tdetections\tAP\tAP50\t")
	for _, k := range e.Classes {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.3f\t%.3f\t\n", cocoClassName(k), k.Objects, k.Detections, k.Stats.AP(), k.Stats.AP50())
	}
	return t.Flush()
}
