package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"scalenet/checkpoint"
	"scalenet/classify"
	"scalenet/engine"
	"scalenet/internal/curves"
	"scalenet/train"

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
		Long: fmt.Sprintf(`Train an image classifier: for classification, as the seed network of a neuron
allocation, or as the pretrained backbone of a detector. The data is one of:
  - CIFAR-10 or CIFAR-100, binary version: the folder, or the archive as downloaded
  - an image folder as for ImageNet: train/CLASS/ and val/CLASS/

The configuration is a preset (%s), changed by a YAML file
(--config) and then by --set. It is printed, and saved with the model.

The first Ctrl-C finishes the step (or drops the step after 10 s), saves and exits.
The second one exits at once. SIGUSR1 saves after the step and goes on.
--resume continues a run, bit for bit as if it had not been interrupted. Settings
that are not given are taken from the run; a different configuration or different
data are an error. A run that has not saved anything yet starts again.

DIR gets best.safetensors, last.safetensors, state.safetensors, config.yaml, the
logs (CSV and JSON lines) and charts (PNG).`, strings.Join(classify.Presets().Names(), ", ")),
		Example: `  scalenet classify train --data cifar-100-binary.tar.gz --preset cifar --out runs/scalenet38
  scalenet classify train --data imagenet --preset imagenet --set backbone.name=scalenet101 --out runs/scalenet101
  scalenet classify train --data imagenet --out runs/scalenet101 --resume`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.fit(c) },
	}
	o.images.flags(c)
	o.settings.flags(c, "imagenet", classify.Presets().Names())
	o.settings.shortcuts(c.Flags())
	o.run.flags(c)
	o.device.flags(c)
	requireFlags(c, "data")
	return c
}

func (o *classifyTrainOptions) fit(c *cobra.Command) error {
	return inGroup(c, &o.device, o.share)
}

// share is the part of this process.
func (o *classifyTrainOptions) share(c *cobra.Command, g group) error {
	errs := g.told(c.ErrOrStderr())
	saveAsked, stopSaving := train.SaveRequests()
	defer stopSaving()
	remove, err := o.run.share(g)
	if err != nil {
		return err
	}
	defer remove()
	begun, err := o.run.look(classifiers().wrote, o.settings.config)
	if err != nil {
		return err
	}
	config, err := configure(c, &o.settings, classifiers(), o.run.out, o.run.resume, begun, func() (classify.Config, error) {
		return resolved(&o.settings, classify.Presets().Get)
	})
	if err != nil {
		return err
	}
	if err := config.CheckBest(); err != nil {
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
	o.device.keepThreads(c, begun)
	dev, err := o.device.openFor(model.Config.Train.Precision)
	if err != nil {
		return err
	}
	defer dev.Close()
	if err := g.sameTraining(dataDigests(data, val), threadsOf(dev), begun, model.Config.YAML()); err != nil {
		return err
	}
	lock, err := o.run.begin(errs, begun, model, model.Config.YAML(), g)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer o.images.tell(errs)
	f := classifierFit{errs, g, o.device, dev, data, val, o.images.skipped, saveAsked}
	ctx, stop := train.Interruptible(c.Context(), errs, stopsTraining)
	defer stop()
	return f.run(ctx, model, o.run.out, lock, begun.Saved != nil)
}

// classifiers says how configurations of classifiers are read.
func classifiers() kind[classify.Config] {
	return kind[classify.Config]{checkpoint.ClassifierKey, classify.Presets().Get, classify.Parse}
}

// classifierFit trains classifiers on one data set.
type classifierFit struct {
	errs      io.Writer
	group     group
	device    deviceOptions
	dev       engine.Device
	data, val *classify.Dataset
	skipped   *classify.Skipped
	saveAsked func() bool
}

// run trains a model in a folder, with the folder's lock.
func (f *classifierFit) run(ctx context.Context, model *classify.Model, dir string, lock *train.Lock, resume bool) error {
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
	trainer.Group = f.group.Group
	var progress *train.Progress
	if f.group.first() {
		progress = train.NewProgress(f.errs, 10*time.Second)
	}
	loop := train.Loop[*classify.Batch]{
		Config: model.Config.Train, Group: f.group.Group, Device: f.dev, Model: trainer, Source: loader,
		Dir: dir, Lock: lock, Described: model.Config.YAML(), Data: dataDigests(f.data, f.val), Threads: threadsOf(f.dev),
		SaveAsked: f.saveAsked, Progress: progress, OnEpochEnd: func() error { return curves.Plot(dir) },
	}
	return loop.Run(ctx, resume)
}

// fits returns an error if training needs more memory than is available.
func (f *classifierFit) fits(model *classify.Model) error {
	need, err := model.TrainingBytes(f.dev, f.group.Group)
	if err != nil {
		return err
	}
	c := model.Config
	what := fmt.Sprintf("training on batches of %d images of %dx%d", c.Batch, c.Input.Size, c.Input.Size)
	return f.device.trainingFits(f.group, need, what, "a smaller batch (with train.accumulate) and smaller images (input.size)")
}

// trainingImages are the flags that name training and validation data.
type trainingImages struct {
	path, val string
	labelledImages
}

func (o *trainingImages) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "data", "", "training data")
	c.Flags().StringVar(&o.val, "val", "", "validation data (default: the test part of --data)")
	o.labelledImages.flags(c)
}

// both returns training and validation data, which must have the same classes.
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
	if err := val.CheckClasses(data.Path, data.Classes); err != nil {
		return nil, nil, err
	}
	if sameNames(data, val) {
		return nil, nil, fmt.Errorf("%s: has no val/ or test/ folder, and validation on training images is refused: give validation data with --val", data.Path)
	}
	return data, val, nil
}

// sameNames reports whether two data sets have the same images.
func sameNames(a, b *classify.Dataset) bool {
	for i := range min(a.Len(), b.Len()) {
		if realPath(a.Name(i)) != realPath(b.Name(i)) {
			return false
		}
	}
	return a.Len() == b.Len()
}
