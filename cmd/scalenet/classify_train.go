package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"scalenet/classify"
	"scalenet/engine"
	"scalenet/train"
)

type classifyTrainOptions struct {
	pictures trainingPictures
	settings settings
	run      runFolder
	device   deviceOptions
}

func newClassifyTrainCommand() *cobra.Command {
	var o classifyTrainOptions
	c := &cobra.Command{
		Use:   "train --data PATH --out DIR",
		Short: "Train a classifier",
		Long: fmt.Sprintf(`Train a classifier, for its own sake, as the seed of an allocation of neurons, or as
the backbone that a detector starts from. The data is CIFAR-10 or CIFAR-100 in the
binary version (its folder, or the archive as downloaded), or a folder with a folder
of pictures for each class in train/ and in val/, as ImageNet is laid out.

The preset (%s) is changed by the keys of a YAML file (--config) and then
by --set; the resolved configuration is printed and saved with the model. Ctrl-C
saves and ends; --resume continues a run and gives what the uninterrupted one would
have.

DIR gets best.safetensors, last.safetensors, state.safetensors, config.yaml, the
logs (CSV and JSON lines) and the curves (PNG).`, strings.Join(classify.Presets(), ", ")),
		Example: `  scalenet classify train --data cifar-100-binary.tar.gz --preset cifar --out runs/scalenet38
  scalenet classify train --data imagenet --preset imagenet --set backbone.name=scalenet101 --out runs/scalenet101
  scalenet classify train --data imagenet --preset imagenet --set backbone.name=scalenet101 --out runs/scalenet101 --resume`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.fit(c) },
	}
	o.pictures.flags(c)
	o.settings.flags(c, "imagenet")
	o.run.flags(c)
	o.device.flags(c)
	requireFlags(c, "data")
	return c
}

func (o *classifyTrainOptions) fit(c *cobra.Command) error {
	errs := c.ErrOrStderr()
	config, err := classifierConfig(&o.settings)
	if err != nil {
		return err
	}
	data, val, err := o.pictures.both(errs)
	if err != nil {
		return err
	}
	model, err := classify.New(config, data.Classes, config.Train.Seed)
	if err != nil {
		return err
	}
	dev, err := o.device.openFor(model.Config.Train.Precision)
	if err != nil {
		return err
	}
	defer dev.Close()
	if err := o.run.begin(errs, model, model.Config.YAML()); err != nil {
		return err
	}
	ctx, stop := train.Interruptible(c.Context())
	defer stop()
	defer o.pictures.tell(errs)
	return fitClassifier(ctx, model, dev, data, val, o.pictures.skipped, o.run.out, o.run.resume)
}

// fitClassifier trains a model in a folder.
func fitClassifier(ctx context.Context, model *classify.Model, dev engine.Device, data, val *classify.Dataset, skipped *classify.Skipped, dir string, resume bool) error {
	loader, err := classify.NewLoader(model.Config, data, skipped)
	if err != nil {
		return err
	}
	defer loader.Close()
	trainer, err := classify.NewTrainer(model, dev, val, skipped)
	if err != nil {
		return err
	}
	defer trainer.Close()
	loop := train.Loop[*classify.Batch]{
		Config: model.Config.Train, Device: dev, Model: trainer, Source: loader, Dir: dir,
		Progress: train.NewProgress(os.Stderr, 10*time.Second),
	}
	return loop.Run(ctx, resume)
}

// trainingPictures are the flags that name training and validation data.
type trainingPictures struct {
	path, val string
	labelledPictures
}

func (o *trainingPictures) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "data", "", "training data")
	c.Flags().StringVar(&o.val, "val", "", "validation data; default the test part of --data")
	o.labelledPictures.flags(c)
}

// both reads training and validation data, which must have the same classes.
func (o *trainingPictures) both(w io.Writer) (data, val *classify.Dataset, err error) {
	if data, err = o.open(w, o.path, classify.Train); err != nil {
		return nil, nil, err
	}
	path := o.val
	if path == "" {
		path = o.path
	}
	if val, err = o.open(w, path, classify.Test); err != nil {
		return nil, nil, err
	}
	if !slices.Equal(data.Classes, val.Classes) {
		return nil, nil, fmt.Errorf("%s has %d classes and %s has %d: they must be the same ones", data.Path, len(data.Classes), val.Path, len(val.Classes))
	}
	if o.val == "" && data.Len() == val.Len() && data.Name(0) == val.Name(0) {
		return nil, nil, fmt.Errorf("%s: has no val/ or test/ beside the classes: give validation data with --val", data.Path)
	}
	return data, val, nil
}

// classifierConfig is the preset and its changes.
func classifierConfig(o *settings) (classify.Config, error) {
	config, err := classify.Preset(o.preset)
	if err != nil {
		return config, err
	}
	return config, o.change(&config)
}
