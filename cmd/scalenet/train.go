package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/train"
)

type trainOptions struct {
	train, val annotatedData
	settings   settings
	run        runFolder
	device     deviceOptions
}

func newTrainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train --train PATH --val PATH --out DIR",
		Short: "Train a detector",
		Long: fmt.Sprintf(`Train a Faster R-CNN detector. A PATH is a COCO instances file, with the folder of
its pictures, a folder in Pascal VOC's layout or YOLO's data.yaml, with a split of
it.

The preset (%s) is changed by the keys of a
YAML file (--config) and then by --set; the resolved configuration is printed
and saved with the model. Ctrl-C saves and ends; --resume continues a run and
gives what the uninterrupted one would have.

DIR gets best.safetensors, last.safetensors, state.safetensors, config.yaml, the
logs (CSV and JSON lines) and the curves (PNG).`, strings.Join(detector.Presets(), ", ")),
		Example: `  scalenet train --train data/bccd --val data/bccd --preset bccd --out runs/bccd
  scalenet train --train train.json --train-images train2017 --val val.json --val-images val2017 \
      --preset default --set backbone.name=scalenet101 --set train.lr=0.005 --out runs/coco
  scalenet train --train data/bccd --val data/bccd --preset bccd --out runs/bccd --resume`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.fit(c) },
	}
	o.train.flags(c, "train", "training data", "train-", "train")
	o.val.flags(c, "val", "validation data", "val-", "val")
	o.settings.flags(c, "default")
	o.run.flags(c)
	o.device.flags(c)
	return c
}

func (o *trainOptions) fit(c *cobra.Command) error {
	errs := c.ErrOrStderr()
	config, err := o.configuration()
	if err != nil {
		return err
	}
	data, err := o.train.open(errs, nil)
	if err != nil {
		return err
	}
	val, err := o.val.open(errs, data.ClassNames())
	if err != nil {
		return err
	}
	model, err := detector.New(config, data.ClassNames(), config.Train.Seed)
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
	loader, err := model.NewLoader(data, dev)
	if err != nil {
		return err
	}
	defer loader.Close()
	random := train.NewRand(model.Config.Train.Seed)
	trainer, err := detector.NewTrainer(model, dev, val, random.Rand)
	if err != nil {
		return err
	}
	defer trainer.Close()
	loop := train.Loop[*coco.Batch]{
		Config: model.Config.Train, Device: dev, Model: trainer, Source: loader, Rand: random, Dir: o.run.out,
		Progress: train.NewProgress(os.Stderr, 10*time.Second),
	}
	ctx, stop := train.Interruptible(c.Context())
	defer stop()
	return loop.Run(ctx, o.run.resume)
}

// configuration resolves the preset and its changes.
func (o *trainOptions) configuration() (detector.Config, error) {
	config, err := detector.Preset(o.settings.preset)
	if err != nil {
		return config, err
	}
	if err := o.settings.change(&config); err != nil {
		return config, err
	}
	return config.Resolve()
}
