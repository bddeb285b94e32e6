package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/geom"
	"scalenet/internal/curves"
	"scalenet/train"

	"github.com/spf13/cobra"
)

type trainOptions struct {
	data        trainData
	settings    settings
	budget      time.Duration
	keys, print bool
	run         runFolder
	device      deviceOptions
}

func newTrainCommand() *cobra.Command {
	var o trainOptions
	c := &cobra.Command{
		Use:   "train --data PATH --out DIR",
		Short: "Train a detector",
		Long: fmt.Sprintf(`Train a Faster R-CNN detector.

PATH is a folder with images and their annotations (Pascal VOC's XML or YOLO's
labels), a COCO instances file, or YOLO's data.yaml. If it has no validation part,
a fifth of the images is split off. --train and --val name the parts themselves.

Network and settings are derived from the data, the memory and the time (--budget),
and printed with the reason for each. A preset (--preset: %s)
replaces what is derived. A YAML file (--config) changes keys, then --set and the
flags for single keys. The configuration is saved with the model.

The first Ctrl-C finishes the step (or drops the step after 10 s), saves and exits.
The second one exits at once. SIGUSR1 saves after the step and goes on.
--resume with --out alone continues a run, bit for bit as if it had not been
interrupted. More epochs, another budget, patience, and the intervals of logs,
evaluations and saves may be given; another change is an error.

DIR gets best.safetensors, last.safetensors, state.safetensors, config.yaml, the
logs (CSV and JSON lines), charts (PNG), and the lists of divided data.`, strings.Join(detector.Presets().Names(), ", ")),
		Example: `  scalenet train --data photos --out runs/own
  scalenet train --data photos --budget 15m --out runs/own
  scalenet train --resume --out runs/own
  scalenet train --train train.json --train-images train2017 --val val.json --val-images val2017 \
      --preset default --set backbone.name=scalenet101 --init scalenet101.safetensors --lr 0.005 --out runs/coco`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.fit(c) },
	}
	f := c.Flags()
	o.data.flags(c)
	o.settings.flags(c, "", detector.Presets().Names())
	o.settings.shortcuts(f)
	f.DurationVar(&o.budget, "budget", 0, "time for the training, such as 15m: the schedule is fitted to it, and the run ends with it")
	f.BoolVar(&o.keys, "keys", false, "list every key of the configuration with its default and meaning, and exit")
	f.BoolVar(&o.print, "print-config", false, "print the configuration that the run would have, and exit")
	o.run.optional(c) // --keys and --print-config need no folder
	o.device.flags(c)
	return c
}

func (o *trainOptions) fit(c *cobra.Command) error {
	if o.keys {
		return printKeys(c.OutOrStdout())
	}
	if o.run.out == "" && (!o.print || o.run.resume) {
		return fmt.Errorf("--out is missing: %s", usage(c))
	}
	return inGroup(c, &o.device, o.share)
}

// share is the part of this process.
func (o *trainOptions) share(c *cobra.Command, g group) error {
	began, errs := time.Now(), g.told(c.ErrOrStderr())
	saveAsked, stopSaving := train.SaveRequests()
	defer stopSaving()
	remove, err := o.run.share(g)
	if err != nil {
		return err
	}
	defer remove()
	begun, err := o.look()
	if err != nil {
		return err
	}
	ctx, stop := train.Interruptible(c.Context(), errs, stopsTraining)
	defer stop()
	data, err := o.data.open(ctx, errs, o.run.out, o.run.resume)
	if err != nil {
		return err
	}
	o.device.keepThreads(c, begun)
	dev, err := o.device.open()
	if err != nil {
		return err
	}
	defer dev.Close()
	config, err := o.configure(ctx, c, g, begun, data, dev)
	if err != nil {
		return err
	}
	if err := config.CheckBest(data.train.ClassNames()); err != nil {
		return err
	}
	if o.print {
		fmt.Fprint(g.told(c.OutOrStdout()), config.YAML())
		return nil
	}
	f := detectorFit{o, errs, g, began, begun, data, dev, saveAsked}
	return f.begin(ctx, config)
}

// look returns the run to resume. A new run must not replace other files.
func (o *trainOptions) look() (begun train.Begun, err error) {
	if o.run.out == "" { // --print-config
		return begun, nil
	}
	if err := o.data.checkOut(o.run.out); err != nil {
		return begun, err
	}
	if begun, err = o.run.look(detectors().wrote, append(o.data.inputs(), o.settings.config)...); err != nil {
		return begun, err
	}
	return begun, checkKept(o.run.out)
}

// detectorFit is the training of a detector, with all that it needs.
type detectorFit struct {
	*trainOptions
	errs  io.Writer
	group group
	began time.Time
	begun train.Begun
	data  opened
	dev   engine.Device

	saveAsked func() bool
}

// begin begins or resumes the run.
func (f *detectorFit) begin(ctx context.Context, config detector.Config) error {
	model, err := detector.New(config, f.data.train.ClassNames(), config.Train.Seed)
	if err != nil {
		return err
	}
	if err := model.Config.Train.Precision.On(f.dev); err != nil {
		return err
	}
	if err := f.group.sameTraining(dataDigests(f.data.train, f.data.val), threadsOf(f.dev), f.begun, model.Config.YAML()); err != nil {
		return err
	}
	lock, err := f.run.begin(f.errs, f.begun, model, model.Config.YAML(), f.group)
	if err != nil {
		return err
	}
	defer lock.Close()
	if f.begun.Saved == nil && f.group.first() {
		if err := f.data.keep(f.run.out); err != nil {
			return err
		}
	}
	return f.train(ctx, model, lock)
}

// train trains the model, and prints what comes next. lock is that of the run's folder.
func (f *detectorFit) train(ctx context.Context, model *detector.Model, lock *train.Lock) error {
	loader, err := model.NewLoader(f.data.train, f.dev)
	if err != nil {
		return err
	}
	defer loader.Close()
	if err := f.fits(model, f.dev, loader, f.group); err != nil {
		return err
	}
	var random *train.Rand
	var draws *rand.Rand
	if f.begun.Random { // a run of an earlier version of the program
		random = train.NewRand(model.Config.Train.Seed)
		draws = random.Rand
	}
	trainer, err := detector.NewTrainer(model, f.dev, f.data.val, draws)
	if err != nil {
		return err
	}
	defer trainer.Close()
	var progress *train.Progress
	if f.group.first() {
		progress = train.NewProgress(f.errs, 10*time.Second)
	}
	trainer.Group, trainer.Evaluating = f.group.Group, progress.Evaluating
	loop := train.Loop[*coco.Batch]{
		Config: model.Config.Train, Device: f.dev, Model: trainer, Source: loader, Rand: random, Group: f.group.Group, Began: f.began,
		EvaluationImages: len(f.data.val.Images), Dir: f.run.out, Lock: lock, Described: model.Config.YAML(), Data: dataDigests(f.data.train, f.data.val),
		Threads: threadsOf(f.dev), SaveAsked: f.saveAsked, Progress: progress, OnEpochEnd: func() error { return curves.Plot(f.run.out) },
	}
	if err := loop.Run(ctx, f.begun.Saved != nil); err != nil || !f.group.first() {
		return err
	}
	outcome, err := loop.Outcome()
	if err != nil {
		return err
	}
	printTrained(f.errs, outcome, time.Since(f.began), model.Config.Train.Best, f.data.sources.Val)
	return nil
}

// fits returns an error if training needs more memory than is available.
func (o *trainOptions) fits(model *detector.Model, dev engine.Device, loader *coco.Loader, g group) error {
	need, err := model.TrainingBytes(dev, loader.Sizes(), g.Group)
	if err != nil {
		return err
	}
	largest := slices.MaxFunc(loader.Sizes(), func(a, b geom.Size) int { return a.W*a.H - b.W*b.H })
	what := fmt.Sprintf("training on batches of %d images, padded to %dx%d,", model.Config.Batch, largest.W, largest.H)
	return o.device.trainingFits(g, need, what, "a smaller batch (with train.accumulate) and smaller images (input.shorter, input.longest)")
}

// stopsTraining is the message for the first Ctrl-C.
const stopsTraining = "saving and exiting after this step (after 10 s the step is dropped)"

// detectors says how configurations of detectors are read.
func detectors() kind[detector.Config] {
	return kind[detector.Config]{checkpoint.DetectorKey, detector.Presets().Get, detector.Parse}
}

func dataDigests(data, val interface{ Digest() string }) map[string]string {
	return map[string]string{"training": data.Digest(), "validation": val.Digest()}
}
