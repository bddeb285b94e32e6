package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/backbone"
	"scalenet/classify"
	"scalenet/classify/allocate"
)

// importanceOptions are the flags that say how importance is measured.
type importanceOptions struct {
	measure string
	data    string
	batches int
	images  labelledImages
	device  deviceOptions
}

func (o *importanceOptions) flags(c *cobra.Command) {
	f := c.Flags()
	var names []string
	for _, m := range allocate.Measures() {
		names = append(names, string(m))
	}
	choose(f, &o.measure, "importance", names[0], "importance of a neuron: gamma, output or loss", names...)
	f.StringVar(&o.data, "data", "", "with --importance loss: training data")
	f.IntVar(&o.batches, "batches", 0, "with --importance loss: training batches to average over (default: one epoch)")
	o.images.flags(c)
	o.device.flags(c)
}

// check returns an error if flags do not go together.
func (o *importanceOptions) check(c *cobra.Command, seed string) error {
	measured := o.measure == string(allocate.Loss)
	for _, name := range []string{"data", "batches", "skip-bad", "device", "threads", "tf32"} {
		if !measured && c.Flags().Changed(name) {
			return fmt.Errorf("--%s is for --importance loss, not for %s", name, o.measure)
		}
	}
	switch {
	case seed == "" && o.measure != string(allocate.Gamma):
		return fmt.Errorf("--importance %s is that of a trained seed network: want --seed CHECKPOINT", o.measure)
	case measured && o.data == "":
		return errors.New("--importance loss is measured on training data: want --data PATH")
	case o.batches < 0:
		return fmt.Errorf("--batches %d: want at least 1, or 0 for an epoch", o.batches)
	}
	return nil
}

// seed reads the seed network with the importance of its neurons.
func (o *importanceOptions) seed(c *cobra.Command, path string, model *backbone.Config) (*allocate.Seed, error) {
	seed, err := allocate.ReadSeed(path, model, allocate.Measure(o.measure))
	if err != nil || seed.Measure != allocate.Loss {
		return seed, err
	}
	if model != nil {
		return nil, errors.New("--importance loss needs a checkpoint of classify train, which describes its network: leave out --model")
	}
	m, err := classify.Load(path)
	if err != nil {
		return nil, err
	}
	m.Params.Dequantize() // for gradients
	data, err := o.images.open(c.ErrOrStderr(), o.data, classify.Train)
	if err != nil {
		return nil, err
	}
	if err := data.CheckClasses("the model", m.Classes); err != nil {
		return nil, fmt.Errorf("%w: want the data that %s was trained on", err, path)
	}
	dev, err := o.device.openFor(m.Config.Train.Precision)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	told := newProgress(c.ErrOrStderr(), "batches", -1)
	of, err := m.Sensitivity(c.Context(), dev, data, o.images.skipped, o.batches, allocate.IsGamma, func(batch, of int) {
		told.total = of
		told.done(batch)
	})
	told.end()
	if err != nil {
		return nil, err
	}
	o.images.tell(c.ErrOrStderr())
	return seed, seed.SetSensitivity(of)
}
