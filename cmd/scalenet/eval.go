package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"scalenet/coco"
)

type evalOptions struct {
	model   modelOptions
	data    annotatedData
	results string
	json    bool
}

func newEvalCommand() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:   "eval --model FILE --data PATH",
		Short: "Measure a detector on annotated pictures",
		Long: `Detect on every picture of a data set and compare with its annotations: COCO's
twelve figures and each class's average precision. A PATH is a COCO instances
file, with the folder of its pictures, a folder in Pascal VOC's layout or YOLO's
data.yaml, with a split of it.`,
		Example: `  scalenet eval --model models/bccd.safetensors --data data/bccd --split val
  scalenet eval --model runs/coco/best.safetensors --data instances_val2017.json --images val2017 \
      --size 800/1200 --results results.json --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.data.flags(c, "data", "data to evaluate on", "", "val")
	f.StringVar(&o.results, "results", "", "write the detections to this COCO results file")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.model.flags(c)
	return c
}

func (o *evalOptions) run(c *cobra.Command) error {
	model, err := o.model.load()
	if err != nil {
		return err
	}
	data, err := o.data.open(c.ErrOrStderr(), model.Classes)
	if err != nil {
		return err
	}
	d, closeAll, err := o.model.open(model)
	if err != nil {
		return err
	}
	defer closeAll()
	start, told := time.Now(), time.Now()
	figures, results, err := d.Evaluate(c.Context(), data, func(done int) {
		if now := time.Now(); now.Sub(told) > 5*time.Second || done == len(data.Images) {
			told = now
			rate := float64(done) / now.Sub(start).Seconds()
			left := time.Duration(float64(len(data.Images)-done) / rate * float64(time.Second))
			fmt.Fprintf(os.Stderr, "%d/%d pictures  %.1f/s  %s left\n", done, len(data.Images), rate, left.Round(time.Second))
		}
	})
	if err != nil {
		return err
	}
	if o.results != "" {
		if err := coco.WriteResults(o.results, results); err != nil {
			return err
		}
	}
	if o.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(newCocoFigures(figures))
	}
	return writeCocoFigures(c.OutOrStdout(), figures)
}
