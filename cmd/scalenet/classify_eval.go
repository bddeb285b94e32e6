package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/classify"
	"scalenet/engine"
)

// classifierOptions are the flags of the commands that run a classifier.
type classifierOptions struct {
	path      string
	reading   reading
	precision precision
	device    deviceOptions
}

func (o *classifierOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "model", "", "model file")
	o.reading.flags(c)
	o.precision.flags(c)
	o.device.flags(c)
	requireFlags(c, "model")
}

// open loads the model and copies it to the device; close frees both.
func (o *classifierOptions) open(batch int) (m *classify.Model, c *classify.Classifier, close func(), err error) {
	if m, err = classify.Load(o.path, o.reading.options()...); err != nil {
		return nil, nil, nil, err
	}
	var dev engine.Device
	if dev, err = o.device.open(); err != nil {
		return nil, nil, nil, err
	}
	typ, err := o.precision.on(dev)
	if err != nil {
		dev.Close()
		return nil, nil, nil, err
	}
	c = classify.NewClassifier(m, dev, classify.Options{Features: typ, Batch: batch})
	return m, c, func() { c.Close(); dev.Close() }, nil
}

func newClassifyEvalCommand() *cobra.Command {
	var (
		data   string
		batch  int
		asJSON bool
		model  classifierOptions
		images labelledImages
	)
	c := &cobra.Command{
		Use:   "eval --model FILE --data PATH",
		Short: "Evaluate a classifier: top-1 and top-5 accuracy on centre crops",
		Long: `Report top-1 and top-5 accuracy, and the corresponding error rates in percent, on
the test part of a data set. Images are resized and centre cropped as the model's
configuration says (for ImageNet, shorter side 256 and crop 224).`,
		Example: `  scalenet classify eval --model runs/scalenet38/best.safetensors --data cifar-100-binary.tar.gz
  scalenet classify eval --model scalenet50.safetensors --data imagenet --json`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if batch < 1 {
				return fmt.Errorf("--batch %d: want at least 1", batch)
			}
			set, err := images.open(c.ErrOrStderr(), data, classify.Test)
			if err != nil {
				return err
			}
			_, classifier, closeAll, err := model.open(batch)
			if err != nil {
				return err
			}
			defer closeAll()
			told := newProgress(c.ErrOrStderr(), "images", set.Len())
			metrics, err := classifier.Evaluate(c.Context(), set, images.skipped, told.done)
			if err != nil {
				told.end()
				return err
			}
			images.tell(c.ErrOrStderr())
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(metrics)
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "images          %d\n", metrics.Images)
			fmt.Fprintf(w, "top-1 accuracy  %.4f   error %.2f %%\n", metrics.Top1, 100*(1-metrics.Top1))
			fmt.Fprintf(w, "top-5 accuracy  %.4f   error %.2f %%\n", metrics.Top5, 100*(1-metrics.Top5))
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "", "data set; its test part is used")
	c.Flags().IntVar(&batch, "batch", 32, "images per batch")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	model.flags(c)
	images.flags(c)
	requireFlags(c, "data")
	return c
}
