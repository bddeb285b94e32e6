package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"scalenet/checkpoint"
	"scalenet/classify"
	"scalenet/engine"
	"scalenet/train"
	"scalenet/train/curves"

	"github.com/spf13/cobra"
)

type classifyTrainOptions struct {
	images   trainingImages
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
of images for each class in train/ and in val/, as ImageNet is laid out.

The preset (%s) is changed by the keys of a YAML file (--config) and then
by --set; the resolved configuration is printed and saved with the model.

The first Ctrl-C finishes the step (or drops it after 10 s), saves and ends; the
second one ends at once.
--resume continues a run and gives what the uninterrupted one would have. What is
not given then is the run's own; another configuration or other data are an error.
A run that has saved nothing yet starts again.

DIR gets best.safetensors, last.safetensors, state.safetensors, config.yaml, the
logs (CSV and JSON lines) and the curves (PNG).`, strings.Join(classify.Presets().Names(), ", ")),
		Example: `  scalenet classify train --data cifar-100-binary.tar.gz --preset cifar --out runs/scalenet38
  scalenet classify train --data imagenet --preset imagenet --set backbone.name=scalenet101 --out runs/scalenet101
  scalenet classify train --data imagenet --out runs/scalenet101 --resume`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.fit(c) },
	}
	o.images.flags(c)
	o.settings.flags(c, "imagenet", classify.Presets().Names())
	o.run.flags(c)
	o.device.flags(c)
	requireFlags(c, "data")
	return c
}

func (o *classifyTrainOptions) fit(c *cobra.Command) error {
	errs := c.ErrOrStderr()
	begun, err := o.run.look(classifiers().wrote, o.settings.config)
	if err != nil {
		return err
	}
	config, err := configure(c, &o.settings, classifiers(), o.run.out, o.run.resume, begun)
	if err != nil {
		return err
	}
	data, val, err := o.images.both(errs)
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
	lock, err := o.run.begin(errs, begun, model, model.Config.YAML())
	if err != nil {
		return err
	}
	defer lock.Close()
	defer o.images.tell(errs)
	f := classifierFit{errs, o.device, dev, data, val, o.images.skipped}
	ctx, stop := train.Interruptible(c.Context(), errs, stopsTraining)
	defer stop()
	return f.run(ctx, model, o.run.out, begun.Saved != nil)
}

// classifiers is how configurations of classifiers are read.
func classifiers() kind[classify.Config] {
	return kind[classify.Config]{checkpoint.ClassifierKey, classify.Presets().Get, classify.Parse}
}

// classifierFit trains classifiers on the same data.
type classifierFit struct {
	errs      io.Writer
	device    deviceOptions
	dev       engine.Device
	data, val *classify.Dataset
	skipped   *classify.Skipped
}

// run trains a model in a folder.
func (f *classifierFit) run(ctx context.Context, model *classify.Model, dir string, resume bool) error {
	loader, err := classify.NewLoader(model.Config, f.data, f.skipped)
	if err != nil {
		return err
	}
	defer loader.Close()
	if err := f.fits(model); err != nil {
		return err
	}
	trainer, err := classify.NewTrainer(model, f.dev, f.val, f.skipped)
	if err != nil {
		return err
	}
	defer trainer.Close()
	loop := train.Loop[*classify.Batch]{
		Config: model.Config.Train, Device: f.dev, Model: trainer, Source: loader,
		Dir: dir, Described: model.Config.YAML(), Data: dataDigests(f.data, f.val),
		Progress: train.NewProgress(f.errs, 10*time.Second), OnEpochEnd: func() error { return curves.Plot(dir) },
	}
	return loop.Run(ctx, resume)
}

// fits is an error when the training needs more memory than there is.
func (f *classifierFit) fits(model *classify.Model) error {
	need, err := model.TrainingBytes(f.dev)
	if err != nil {
		return err
	}
	c := model.Config
	what := fmt.Sprintf("training on batches of %d images of %dx%d", c.Batch, c.Input.Size, c.Input.Size)
	return f.device.fits(need, what, "a smaller batch (with train.accumulate) and smaller images (input.size)")
}

// trainingImages are the flags that name training and validation data.
type trainingImages struct {
	path, val string
	labelledImages
}

func (o *trainingImages) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "data", "", "training data")
	c.Flags().StringVar(&o.val, "val", "", "validation data; default the test part of --data")
	o.labelledImages.flags(c)
}

// both reads training and validation data, which must have the same classes.
func (o *trainingImages) both(w io.Writer) (data, val *classify.Dataset, err error) {
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
	if sameNames(data, val) {
		return nil, nil, fmt.Errorf("%s: has no val/ or test/ beside the classes, and its images would be trained on and tested: give validation data with --val", data.Path)
	}
	return data, val, nil
}

// sameNames tells whether two data sets have the same images.
func sameNames(a, b *classify.Dataset) bool {
	for i := range min(a.Len(), b.Len()) {
		if realPath(a.Name(i)) != realPath(b.Name(i)) {
			return false
		}
	}
	return a.Len() == b.Len()
}
