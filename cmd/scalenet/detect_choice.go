package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/detector"
)

// choiceOptions are the flags that say which detections are wanted, and how they are made.
type choiceOptions struct {
	detector.Choice
	classes, tta string
	nms          float64
	views        detector.TTA
}

func (o *choiceOptions) flags(c *cobra.Command) {
	f := c.Flags()
	addThreshold(f, &o.Threshold, "minimum score of the detections shown")
	f.StringVar(&o.classes, "classes", "", "only objects of these classes: names or ids, separated by commas")
	f.IntVar(&o.Max, "max", 0, "maximum number of objects per image (default: the model's; with --tile no limit)")
	f.Float64Var(&o.nms, "nms", 0, "IoU above which a box suppresses others of its class (default: the model's)")
	f.StringVar(&o.tta, "tta", "", "test-time augmentation: detect in several views of each image: flip, scales, numbers, such as flip,0.8,1")
}

// selection is the choice for a model. Errors name the flag and the model's file.
func (o *choiceOptions) selection(m *detector.Model, path string) (detector.Selection, error) {
	if _, err := o.Threshold.For(m); err != nil {
		return detector.Selection{}, fmt.Errorf("--threshold %v: %s: %w", o.Threshold, path, err)
	}
	s, err := o.For(m)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// parse reads the values of the flags.
func (o *choiceOptions) parse(c *cobra.Command) (err error) {
	if c.Flags().Changed("classes") {
		if o.Classes, err = detector.ParseClasses(o.classes); err != nil {
			return fmt.Errorf("--classes %w", err)
		}
	}
	if c.Flags().Changed("nms") {
		o.NMS = &o.nms
	}
	if o.Max < 1 && c.Flags().Changed("max") {
		return fmt.Errorf("--max %d: want at least 1", o.Max)
	}
	if o.views, err = detector.ParseTTA(o.tta); err != nil {
		return fmt.Errorf("--tta %w", err)
	}
	return nil
}
