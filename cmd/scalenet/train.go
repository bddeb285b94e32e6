package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/train"
)

type trainOptions struct {
	train, val     annotatedData
	preset, config string
	set            []string
	out, init      string
	resume         bool
	device         deviceOptions
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
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.train.flags(c, "train", "training data", "train-", "train")
	o.val.flags(c, "val", "validation data", "val-", "val")
	f.StringVar(&o.preset, "preset", "default", "configuration to start from")
	f.StringVar(&o.config, "config", "", "YAML file with changes to the preset")
	f.StringArrayVar(&o.set, "set", nil, "change one key, such as train.lr=0.02 (repeatable)")
	f.StringVar(&o.out, "out", "", "folder of the run")
	f.StringVar(&o.init, "init", "", "checkpoint whose parameters of the same name and shape are taken")
	f.BoolVar(&o.resume, "resume", false, "continue the run in --out")
	o.device.flags(c)
	requireFlags(c, "out")
	return c
}

func (o *trainOptions) run(c *cobra.Command) error {
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
	loader, err := model.NewLoader(data)
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
		Config: model.Config.Train, Device: dev, Model: trainer, Source: loader, Rand: random, Dir: o.out,
		Progress: train.NewProgress(os.Stderr, 10*time.Second),
	}
	ctx, stop := train.Interruptible(c.Context())
	defer stop()
	return loop.Run(ctx, o.resume)
}

// configuration resolves the preset and its changes.
func (o *trainOptions) configuration() (detector.Config, error) {
	config, err := detector.Preset(o.preset)
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
	return config.Resolve()
}

// writeNew writes a file that must not exist yet.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: a run is there already; continue it with --resume or choose another --out", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// requireFlags marks flags as required.
func requireFlags(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // a flag that is not defined
		}
	}
}
