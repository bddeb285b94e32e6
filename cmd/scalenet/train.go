package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/train"
	"scalenet/train/curves"

	"github.com/spf13/cobra"
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
		Long: fmt.Sprintf(`Train a Faster R-CNN detector. A PATH is one of:
  - a COCO instances file, with --train-images and --val-images
  - a Pascal VOC folder or YOLO's data.yaml, with --train-split and --val-split

The configuration is a preset (%s),
changed by a YAML file (--config) and then by --set. It is printed, and saved with
the model. The presets default and paper freeze the first stage and every BatchNorm.
They need a pretrained backbone (--init FILE). To train from scratch, give
--set frozen.stages=-1 --set frozen.norms=false.

The first Ctrl-C finishes the step (or drops the step after 10 s), saves and exits.
The second one exits at once.
--resume continues a run, bit for bit as if it had not been interrupted. Settings
that are not given are taken from the run; a different configuration or different
data are an error. A run that has not saved anything yet starts again.

DIR gets best.safetensors, last.safetensors, state.safetensors, config.yaml, the
logs (CSV and JSON lines) and charts (PNG).`, strings.Join(detector.Presets().Names(), ", ")),
		Example: `  scalenet train --train data/bccd --val data/bccd --preset bccd --out runs/bccd
  scalenet train --train train.json --train-images train2017 --val val.json --val-images val2017 \
      --preset default --set backbone.name=scalenet101 --init scalenet101.safetensors --set train.lr=0.005 --out runs/coco
  scalenet train --train data/bccd --val data/bccd --out runs/bccd --resume`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.fit(c) },
	}
	o.train.flags(c, "train", "training data", "train-", "train")
	o.val.flags(c, "val", "validation data", "val-", "val")
	o.settings.flags(c, "default", detector.Presets().Names())
	o.run.flags(c)
	o.device.flags(c)
	return c
}

func (o *trainOptions) fit(c *cobra.Command) error {
	errs := c.ErrOrStderr()
	begun, err := o.run.look(detectors().wrote, slices.Concat([]string{o.settings.config}, coco.Sources(o.train.path), coco.Sources(o.val.path))...)
	if err != nil {
		return err
	}
	config, err := configure(c, &o.settings, detectors(), o.run.out, o.run.resume, begun)
	if err != nil {
		return err
	}
	data, val, err := o.data(errs)
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
	lock, err := o.run.begin(errs, begun, model, model.Config.YAML())
	if err != nil {
		return err
	}
	defer lock.Close()
	loader, err := model.NewLoader(data, dev)
	if err != nil {
		return err
	}
	defer loader.Close()
	if err := o.fits(model, dev, loader); err != nil {
		return err
	}
	random := train.NewRand(model.Config.Train.Seed)
	trainer, err := detector.NewTrainer(model, dev, val, random.Rand)
	if err != nil {
		return err
	}
	defer trainer.Close()
	loop := train.Loop[*coco.Batch]{
		Config: model.Config.Train, Device: dev, Model: trainer, Source: loader, Rand: random,
		Dir: o.run.out, Described: model.Config.YAML(), Data: dataDigests(data, val),
		Progress: train.NewProgress(errs, 10*time.Second), OnEpochEnd: func() error { return curves.Plot(o.run.out) },
	}
	ctx, stop := train.Interruptible(c.Context(), errs, stopsTraining)
	defer stop()
	return loop.Run(ctx, begun.Saved != nil)
}

// fits returns an error if training needs more memory than is available.
func (o *trainOptions) fits(model *detector.Model, dev engine.Device, loader *coco.Loader) error {
	need, err := model.TrainingBytes(dev, loader.Sizes())
	if err != nil {
		return err
	}
	largest := slices.MaxFunc(loader.Sizes(), func(a, b geom.Size) int { return a.W*a.H - b.W*b.H })
	what := fmt.Sprintf("training on batches of %d images, padded to %dx%d,", model.Config.Batch, largest.W, largest.H)
	return o.device.fits(need, what, "a smaller batch (with train.accumulate) and smaller images (input.shorter, input.longest)")
}

// stopsTraining is the message for the first Ctrl-C.
const stopsTraining = "saving and exiting after this step (after 10 s the step is dropped)"

// detectors says how configurations of detectors are read.
func detectors() kind[detector.Config] {
	return kind[detector.Config]{checkpoint.DetectorKey, detector.Presets().Get, detector.Parse}
}

// data opens training and validation data.
func (o *trainOptions) data(w io.Writer) (data, val *coco.Dataset, err error) {
	if data, err = o.train.open(w, nil); err != nil {
		return nil, nil, err
	}
	if val, err = o.val.open(w, data.ClassNames()); err != nil {
		return nil, nil, err
	}
	return data, val, checkApart(w, data, val)
}

// checkApart returns an error if a folder without split lists is given for both
// training and validation. An annotation file or a split may be given for both;
// the number of images in both is printed.
func checkApart(w io.Writer, data, val *coco.Dataset) error {
	trained := map[string]bool{}
	for i := range data.Images {
		trained[realPath(data.ImagePath(i))] = true
	}
	both := 0
	for i := range val.Images {
		if trained[realPath(val.ImagePath(i))] {
			both++
		}
	}
	if both == 0 {
		return nil
	}
	same, err := samePath(data.Path, val.Path)
	if err != nil {
		return err
	}
	info, err := os.Stat(data.Path)
	if err != nil {
		return err
	}
	splits, err := coco.Splits(data.Path)
	if err != nil {
		return err
	}
	if same && info.IsDir() && len(splits) == 0 {
		return fmt.Errorf("%s: has no lists for training and validation (ImageSets/Main) and is given for both, so all %d validation images would be training images; split it with \"scalenet data split\", or give other validation data with --val",
			data.Path, both)
	}
	fmt.Fprintf(w, "warning: %d of the %d validation images are training images, so validation metrics overestimate the accuracy\n", both, len(val.Images))
	return nil
}

// realPath returns path with links resolved, or path itself if that fails.
func realPath(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		path = followed
	}
	if whole, err := filepath.Abs(path); err == nil {
		path = whole
	}
	return path
}

func dataDigests(data, val interface{ Digest() string }) map[string]string {
	return map[string]string{"training": data.Digest(), "validation": val.Digest()}
}
