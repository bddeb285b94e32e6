package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"scalenet/classify"
	"scalenet/engine"
	"scalenet/train"
)

type classifyTrainOptions struct {
	data, val      string
	preset, config string
	set            []string
	out, init      string
	resume         bool
	pictures       labelledPictures
	device         deviceOptions
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
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "training data")
	f.StringVar(&o.val, "val", "", "validation data; default the test part of --data")
	f.StringVar(&o.preset, "preset", "imagenet", "configuration to start from")
	f.StringVar(&o.config, "config", "", "YAML file with changes to the preset")
	f.StringArrayVar(&o.set, "set", nil, "change one key, such as train.lr=0.02 (repeatable)")
	f.StringVar(&o.out, "out", "", "folder of the run")
	f.StringVar(&o.init, "init", "", "checkpoint whose parameters of the same name and shape are taken")
	f.BoolVar(&o.resume, "resume", false, "continue the run in --out")
	o.pictures.flags(c)
	o.device.flags(c)
	requireFlags(c, "data", "out")
	return c
}

func (o *classifyTrainOptions) run(c *cobra.Command) error {
	errs := c.ErrOrStderr()
	config, err := o.configuration()
	if err != nil {
		return err
	}
	data, val, err := o.open(c)
	if err != nil {
		return err
	}
	model, err := classify.New(config, data.Classes, config.Train.Seed)
	if err != nil {
		return err
	}
	if o.init != "" && !o.resume {
		report, err := model.Init(o.init)
		if err != nil {
			return err
		}
		fmt.Fprintf(errs, "%s: %s\n", o.init, report)
		if len(report.Matched) == 0 {
			return fmt.Errorf("%s: no parameter has the name and shape of one of this model's", o.init)
		}
	}
	fmt.Fprint(errs, model.Config.YAML())
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	if !o.resume {
		if err := writeNew(filepath.Join(o.out, "config.yaml"), model.Config.YAML()); err != nil {
			return err
		}
	}
	dev, err := o.device.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	ctx, stop := train.Interruptible(c.Context())
	defer stop()
	defer o.pictures.tell(errs)
	return fitClassifier(ctx, model, dev, data, val, o.pictures.skipped, o.out, o.resume)
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

// open reads training and validation data, which must have the same classes.
func (o *classifyTrainOptions) open(c *cobra.Command) (data, val *classify.Dataset, err error) {
	if data, err = o.pictures.open(c.ErrOrStderr(), o.data, classify.Train); err != nil {
		return nil, nil, err
	}
	path := o.val
	if path == "" {
		path = o.data
	}
	if val, err = o.pictures.open(c.ErrOrStderr(), path, classify.Test); err != nil {
		return nil, nil, err
	}
	if !slices.Equal(data.Classes, val.Classes) {
		return nil, nil, fmt.Errorf("%s has %d classes and %s has %d: they must be the same ones", data.Path, len(data.Classes), val.Path, len(val.Classes))
	}
	if val.Path == data.Path && o.val == "" && isSame(data, val) {
		return nil, nil, fmt.Errorf("%s: has no val/ or test/ beside the classes: give validation data with --val", data.Path)
	}
	return data, val, nil
}

// isSame tells whether two data sets begin with the same picture.
func isSame(a, b *classify.Dataset) bool { return a.Len() == b.Len() && a.Name(0) == b.Name(0) }

// configuration resolves the preset and its changes.
func (o *classifyTrainOptions) configuration() (classify.Config, error) {
	config, err := o.changedPreset()
	if err != nil {
		return config, err
	}
	return config.Resolve()
}

func (o *classifyTrainOptions) changedPreset() (classify.Config, error) {
	config, err := classify.Preset(o.preset)
	if err != nil {
		return config, err
	}
	if o.config != "" {
		if err := config.MergeFile(o.config); err != nil {
			return config, err
		}
	}
	for _, s := range o.set {
		if err := config.Set(s); err != nil {
			return config, err
		}
	}
	return config, nil
}
