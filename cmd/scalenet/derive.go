package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/classify/allocate"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/detector/recipe"
	"scalenet/engine"
	"scalenet/train"
)

// configure returns the configuration of a new run, or of the run to resume with the given changes.
func (o *trainOptions) configure(ctx context.Context, c *cobra.Command, g group, begun train.Begun, data opened, dev engine.Device) (detector.Config, error) {
	if c.Flags().Changed("budget") {
		if o.budget <= 0 {
			return detector.Config{}, fmt.Errorf("--budget %s: want a positive time, such as 15m", o.budget)
		}
		if err := o.settings.add("train.budget", train.Duration(o.budget).String(), "budget"); err != nil {
			return detector.Config{}, err
		}
	}
	var config detector.Config
	var err error
	if g.first() {
		config, err = configure(c, &o.settings, detectors(), o.run.out, o.run.resume, begun, func() (detector.Config, error) {
			if c.Flags().Changed("preset") {
				return resolved(&o.settings, detector.Presets().Get)
			}
			return o.derive(ctx, c.ErrOrStderr(), data, dev, g)
		})
		if err != nil {
			return config, err
		}
	}
	if config, err = g.config(config); err == nil && o.run.init == "" && begun.Saved == nil {
		err = o.begins(g.told(c.ErrOrStderr()), config)
	}
	return config, err
}

// begins chooses what a new run begins with where --init does not say it.
func (o *trainOptions) begins(w io.Writer, config detector.Config) (err error) {
	if o.run.init, err = startFor(config.Backbone, modelFolders()); err == nil && o.run.starts() {
		fmt.Fprintf(w, "beginning with %s, which has this network (--init none: with random parameters)\n", o.run.init)
	}
	return err
}

// config returns the configuration of the first process, whose memory and time it was derived from.
func (g group) config(own detector.Config) (detector.Config, error) {
	if g.Size() == 1 {
		return own, nil
	}
	text, err := g.text(own.YAML())
	if err != nil {
		return own, err
	}
	config, err := detector.Parse([]byte(text), "the configuration of rank 0")
	if err != nil {
		return config, err
	}
	return config.Resolve()
}

// derive returns the configuration that fits the data, the device and the time, with the given keys.
func (o *trainOptions) derive(ctx context.Context, w io.Writer, data opened, dev engine.Device, g group) (config detector.Config, err error) {
	given, err := o.settings.given()
	if err != nil {
		return config, err
	}
	begin, err := o.beginning(given)
	if err != nil {
		return config, err
	}
	if err := o.settings.change(&begin.config); err != nil {
		return config, err
	}
	look, err := recipe.LookAt(data.train)
	if err != nil {
		return config, err
	}
	limits := o.limits(ctx, data, dev, g, time.Duration(begin.config.Train.Budget))
	limits.Trained = begin.trained
	r, err := recipe.Derive(begin.config, given, look, limits)
	if err != nil {
		return config, err
	}
	fmt.Fprintf(w, "%s: %s\nderived, starting from %s:\n", data.train.Path, look, begin.from)
	return r.Config, r.Print(w)
}

// beginning is the configuration that a recipe begins with.
type beginning struct {
	config  detector.Config
	from    string // what it is
	trained bool   // it is that of a trained detector, with whose weights the training begins
}

func (o *trainOptions) beginning(given []string) (beginning, error) {
	complete, err := o.settings.complete(detectors().wrote)
	switch {
	case err != nil:
		return beginning{}, err
	case complete:
		return beginning{config: detector.Default(), from: "the configuration " + o.settings.config}, nil
	case o.run.starts():
		return beginningWith(o.run.init)
	case o.run.init == "" && !slices.Contains(given, "backbone.name"):
		if path := shippedModel(startModel, modelFolders()); path != noInit {
			return beginningWith(path)
		}
	}
	if !slices.Contains(given, "backbone.name") {
		c, err := detector.Presets().Get("fpn_small")
		return beginning{config: c, from: "preset fpn_small"}, err
	}
	var own detector.Config
	if err := o.settings.change(&own); err != nil {
		return beginning{}, err
	}
	name := presetFor(own.Backbone)
	c, err := detector.Presets().Get(name)
	c.Backbone = backbone.Config{}
	return beginning{config: c, from: fmt.Sprintf("preset %s with network %s", name, own.Backbone.Name)}, err
}

// beginningWith takes the configuration of a detector, or one for the network of a classifier.
func beginningWith(path string) (beginning, error) {
	r, err := checkpoint.Open(path)
	if err != nil {
		return beginning{}, err
	}
	defer r.Close()
	text, isDetector, err := checkpoint.Config(r.Metadata(), checkpoint.DetectorKey)
	if err != nil {
		return beginning{}, fmt.Errorf("%s: %w", path, err)
	}
	if isDetector {
		c, err := detector.Parse([]byte(text), path)
		c.Train = detector.Default().Train
		return beginning{config: c, from: "the configuration of " + path, trained: true}, err
	}
	network, err := allocate.ReadConfig(path)
	if err != nil { // tensors alone: those of the preset's network, or --config says of which
		network = backbone.Config{}
	}
	name := presetFor(network)
	c, err := detector.Presets().Get(name)
	if err != nil || network.Name == "" {
		return beginning{config: c, from: "preset " + name}, err
	}
	c.Backbone = network
	return beginning{config: c, from: fmt.Sprintf("preset %s with the network of %s", name, path)}, nil
}

// presetFor returns the preset whose heads go with a network: wide ones with a published network, narrow ones with a small network of one's own.
func presetFor(network backbone.Config) string {
	if network.Name == "" || network.Custom() {
		return "fpn_small"
	}
	return "fpn"
}

// limits are the memory and the time that a training may take.
func (o *trainOptions) limits(ctx context.Context, data opened, dev engine.Device, g group, budget time.Duration) recipe.Limits {
	l := recipe.Limits{BFloat16: errors.New("not asked"), Budget: budget, Validation: len(data.val.Images)}
	if o.device.name != "ref" {
		l.BFloat16 = dev.Capabilities().BFloat16
	}
	if m, ok := readMemory(os.DirFS("/")); ok && !o.device.gpu() {
		l.Bytes = m.available / int64(g.onHost())
	}
	l.Needs = func(c detector.Config) (int64, error) { return trainingBytes(c, data.train, dev, g) }
	l.Measure = func(c detector.Config) (time.Duration, error) {
		return detector.MeasureTraining(ctx, c, data.train, dev)
	}
	return l
}

// trainingBytes returns the memory that training with a configuration takes.
func trainingBytes(c detector.Config, data *coco.Dataset, dev engine.Device, g group) (int64, error) {
	m, err := detector.New(c, data.ClassNames(), c.Train.Seed)
	if err != nil {
		return 0, err
	}
	loader, err := m.NewLoader(data, dev)
	if err != nil {
		return 0, err
	}
	defer loader.Close()
	need, err := m.TrainingBytes(dev, loader.Sizes(), g.Group)
	return int64(need), err
}
