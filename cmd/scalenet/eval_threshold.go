package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/threshold"
	"scalenet/detector"
)

// chooseOptions is the flag of eval that chooses score thresholds.
type chooseOptions struct{ rule string }

// thresholdResamples is the number of bootstrap resamples of the intervals.
const thresholdResamples = 1000

func (o *chooseOptions) flags(c *cobra.Command) {
	c.Flags().Var(&checked{&o.rule, func(text string) (string, error) {
		rule, err := threshold.ParseRule(text)
		return rule.String(), err
	}}, "choose-threshold", "choose the score threshold of each class and store it in the model file: f1, precision=P or recall=R")
}

// check returns an error before the evaluation if thresholds could not be stored
// after it.
func (o *chooseOptions) check(m *modelOptions, tiles *tileOptions) error {
	switch {
	case o.rule == "":
		return nil
	case m.size != "":
		return errors.New("--choose-threshold with --size: thresholds are stored for the model's own input size, so leave out --size")
	case tiles.Side > 0:
		return errors.New("--choose-threshold with --tile: thresholds are stored for detection in whole images, so leave out --tile")
	}
	f, err := os.OpenFile(m.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("--choose-threshold: the thresholds are to be stored in the model file: %w", pullHint(err, m.path))
	}
	f.Close()
	file := output{of: "--choose-threshold", path: resolve(m.path)} // the folder, where the new file is written
	return file.tryFolder(map[string]bool{})
}

// choose chooses the thresholds; nil without --choose-threshold.
func (o *chooseOptions) choose(gt *coco.Dataset, dt *coco.Results) (*threshold.Chosen, error) {
	if o.rule == "" {
		return nil, nil
	}
	rule, err := threshold.ParseRule(o.rule)
	if err != nil {
		return nil, err
	}
	return threshold.Choose(gt, dt, rule, threshold.Options{Resamples: thresholdResamples})
}

// store stores thresholds in the model's file, and says so in a line.
func (o *chooseOptions) store(log io.Writer, from *modelOptions, m *detector.Model, chosen *threshold.Chosen) error {
	if err := m.StoreThresholds(from.path, chosen, from.reading.options()...); err != nil {
		return err
	}
	fmt.Fprintf(log, "%s: stored the thresholds (%s) of %d of %d classes; detect and serve use them with --threshold best\n",
		filepath.Clean(from.path), chosen.Rule, chosen.Count(), len(chosen.Classes))
	return nil
}

// writeThresholds prints the chosen thresholds as a table, and nothing without any.
func writeThresholds(w io.Writer, chosen *threshold.Chosen) error {
	if chosen == nil {
		return nil
	}
	fmt.Fprintf(w, "\nscore thresholds (%s) at IoU 0.5, with 95 %% intervals from %d resamples of the images:\n", chosen.Rule, chosen.Resamples)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "class\tobjects\tthreshold\t\tprecision\t\trecall\t\tF1\t\t")
	notes := []string{"all: one threshold for all classes, to compare; detect and serve do not use it"}
	for _, c := range append(chosen.Classes[:len(chosen.Classes):len(chosen.Classes)], chosen.All) {
		fmt.Fprintf(t, "%s\t%d\t", c.Name, c.Objects)
		p := c.Point
		if p == nil {
			fmt.Fprint(t, "-\t\t-\t\t-\t\t-\t\t\n")
			notes = append(notes, fmt.Sprintf("%s: no threshold: %s", c.Name, c.Reason))
			continue
		}
		for _, e := range []threshold.Estimate{p.Threshold, p.Precision, p.Recall, p.F1} {
			fmt.Fprintf(t, "%.3f\t%.3f-%.3f\t", e.Value, e.Low, e.High)
		}
		fmt.Fprintln(t)
		if rare := chosen.Resamples * 95 / 100; c.Fulfilled < rare {
			notes = append(notes, fmt.Sprintf("%s: %s is possible in %d of %d resamples only", c.Name, chosen.Rule, c.Fulfilled, chosen.Resamples))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n := len(chosen.Classes) - chosen.Count(); n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d classes keep the threshold %v", n, len(chosen.Classes), detector.DefaultThreshold))
	}
	_, err := fmt.Fprintln(w, strings.Join(notes, "\n"))
	return err
}
