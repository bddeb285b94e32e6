package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"scalenet/internal/brief"
	"scalenet/internal/curves"
)

func newCurvesCommand() *cobra.Command {
	var (
		metric, out string
		files       outputs
		asJSON      bool
	)
	c := &cobra.Command{
		Use:   "curves RUN...",
		Short: "Compare a metric of training runs, as a table and a chart",
		Long: `Read the logs of training runs (--out folders of train, classify train or classify
search). Print the highest and the last value of a validation metric per run. With
--out, draw the metric per epoch of all runs in one chart. Runs may still be in
progress.`,
		Example: `  scalenet curves --out curves.png runs/resnet38 runs/search38/seed runs/search38/allocated
  scalenet curves --figure AP50 --json runs/bccd-pretrained runs/bccd-scratch`,
		Args: takes("RUN..."),
		RunE: func(c *cobra.Command, dirs []string) error {
			if out != "" {
				if err := files.check(dirs, output{of: "--out", path: out}); err != nil {
					return err
				}
				if strings.ToLower(filepath.Ext(out)) != ".png" {
					return fmt.Errorf("--out %s: want a .png", out)
				}
			}
			var list []curves.Curve
			for _, dir := range dirs {
				curve, err := curves.Read(dir, metric)
				if err != nil {
					return err
				}
				metric = curve.Figure
				list = append(list, curve)
			}
			if out != "" {
				if err := files.write(out, func(path string) error { return curves.PlotRuns(path, list) }); err != nil {
					return err
				}
			}
			return printCurves(c.OutOrStdout(), list, asJSON)
		},
	}
	c.Flags().StringVar(&metric, "figure", "", "metric, such as top1 or AP50 (default: the first metric of the first run)")
	c.Flags().StringVar(&out, "out", "", "chart to write, a .png")
	files.flags(c, "out")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with the value of every epoch")
	return c
}

// printCurves prints one row per run.
func printCurves(w io.Writer, list []curves.Curve, asJSON bool) error {
	if asJSON {
		type run struct {
			Run    string    `json:"run"`
			Figure string    `json:"figure"`
			Epochs []int     `json:"epochs"`
			Values []float64 `json:"values"`
		}
		var runs []run
		for _, c := range list {
			runs = append(runs, run(c))
		}
		return json.NewEncoder(w).Encode(runs)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "run\thighest %s\tat epoch\tlast\tat epoch\n", brief.Line(list[0].Figure))
	for _, c := range list {
		epoch, highest := c.Highest()
		last := len(c.Values) - 1
		fmt.Fprintf(t, "%s\t%.4f\t%d\t%.4f\t%d\n", brief.Line(c.Run), highest, epoch, c.Values[last], c.Epochs[last])
	}
	return t.Flush()
}
