package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/classify"
	"scalenet/engine"
)

// classifierOptions are the flags of the verbs that run a classifier.
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

// open loads the model onto the device; close frees both.
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
		Short: "Measure a classifier: top-1 and top-5 on centre crops",
		Long: `Classify every image of the test part of a data set: its shorter side resized and
its centre cut out as the model's configuration says (256 and 224 for ImageNet), and
print the share that the most probable class, or one of the five most probable, is
right for, and the errors as the paper gives them.`,
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
			figures, err := classifier.Evaluate(c.Context(), set, images.skipped, told.done)
			if err != nil {
				told.end()
				return err
			}
			images.tell(c.ErrOrStderr())
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(figures)
			}
			w := c.OutOrStdout()
			fmt.Fprintf(w, "images        %d\n", figures.Images)
			fmt.Fprintf(w, "top-1 accuracy  %.4f   error %.2f %%\n", figures.Top1, 100*(1-figures.Top1))
			fmt.Fprintf(w, "top-5 accuracy  %.4f   error %.2f %%\n", figures.Top5, 100*(1-figures.Top5))
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "", "data, of which the test part is taken")
	c.Flags().IntVar(&batch, "batch", 32, "images that go through the network together")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	model.flags(c)
	images.flags(c)
	requireFlags(c, "data")
	return c
}
