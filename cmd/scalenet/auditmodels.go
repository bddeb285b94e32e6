package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/train"
)

// auditModels are models that are trained for an audit. The images are divided in parts, and each part is judged by a model that is trained on the others.
type auditModels struct {
	parts   int
	budget  time.Duration
	config  string
	skipBad bool
	device  deviceOptions
}

// The files of a part, in a folder of its own.
const (
	auditTraining = "training.json" // the other parts
	auditJudged   = "judged.json"   // this part
	auditRun      = "model"
	auditFound    = "detections.json"
)

func (o *auditModels) flags(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&o.parts, "parts", 2, "without --results: the images are divided in so many parts, and a model is trained for each")
	f.DurationVar(&o.budget, "budget", 0, "without --results: time for all trainings together, such as 30m; 0: as long as each needs")
	f.StringVar(&o.config, "config", "", "without --results: YAML file with settings of the trainings")
	f.BoolVar(&o.skipBad, "skip-bad", false, "without --results: leave out and count images that cannot be read")
	o.device.flags(c)
}

// auditDevice are the flags that the trainings and evaluations of an audit have from it.
func auditDevice() []string { return []string{"device", "threads", "tf32"} }

// check checks the flags; results are those of --results.
func (o *auditModels) check(c *cobra.Command, results []string) error {
	if o.parts < 2 {
		return fmt.Errorf("--parts %d: want 2 or more", o.parts)
	}
	if o.budget < 0 {
		return fmt.Errorf("--budget %s: want a time such as 30m", o.budget)
	}
	for _, flag := range append(auditDevice(), "parts", "budget", "config", "skip-bad") {
		if results != nil && c.Flags().Changed(flag) {
			return fmt.Errorf("--%s is for models that the audit trains: give it without --results", flag)
		}
	}
	_, err := o.settings()
	return err
}

// stopsAudit is the message for the first Ctrl-C.
const stopsAudit = "saving and exiting after this step or image (after 10 s a step is dropped)"

// judge returns the results files of the parts. What a stopped audit has left in the folder out is used.
func (o *auditModels) judge(c *cobra.Command, d *coco.Dataset, out string) (results []string, err error) {
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), stopsAudit)
	defer stop()
	results, err = o.judgeParts(ctx, c, d, out)
	if errors.Is(err, context.Canceled) {
		err = &stoppedError{"stopped; the same command goes on from there"}
	}
	return results, err
}

func (o *auditModels) judgeParts(ctx context.Context, c *cobra.Command, d *coco.Dataset, out string) (results []string, err error) {
	parts, err := o.divide(ctx, c.ErrOrStderr(), d)
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if err := o.keepSettings(out); err != nil { // for each part: --config can have changed since the last one began
			return nil, err
		}
		dir := filepath.Join(out, auditPart(i))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		if err := writeOnce(filepath.Join(dir, auditTraining), part.training); err != nil {
			return nil, err
		}
		if err := writeOnce(filepath.Join(dir, auditJudged), part.judged); err != nil {
			return nil, err
		}
		if err := o.judgePart(ctx, c, dir, i); err != nil {
			return nil, fmt.Errorf("part %d of %d: %w", i+1, o.parts, err)
		}
		results = append(results, filepath.Join(dir, auditFound))
	}
	return results, nil
}

// auditPart is the folder of a part.
func auditPart(i int) string { return fmt.Sprintf("part-%d", i+1) }

// judgePart trains the model of a part, unless it is trained, and lets it judge the part.
func (o *auditModels) judgePart(ctx context.Context, c *cobra.Command, dir string, part int) error {
	w := c.ErrOrStderr()
	found, run := filepath.Join(dir, auditFound), filepath.Join(dir, auditRun)
	if exists(found) {
		fmt.Fprintf(w, "part %d of %d: is judged already: %s\n", part+1, o.parts, found)
		return nil
	}
	fmt.Fprintf(w, "part %d of %d: training on the other images: %s\n", part+1, o.parts, run)
	if err := o.run(ctx, c, newTrainCommand(), o.training(dir, run)...); err != nil {
		return err
	}
	judging := []string{"--model", filepath.Join(run, "best.safetensors"), "--data", filepath.Join(dir, auditJudged), "--results", found}
	if exists(found + ".partial") {
		judging = append(judging, "--resume")
	}
	fmt.Fprintf(w, "part %d of %d: judging its images\n", part+1, o.parts)
	return o.run(ctx, c, newEvalCommand(), judging...)
}

// training returns the arguments of the training for a part, or of its continuation.
func (o *auditModels) training(dir, run string) []string {
	if exists(filepath.Join(run, train.StateFile)) {
		return []string{"--resume", "--out", run}
	}
	args := []string{"--data", filepath.Join(dir, auditTraining), "--out", run}
	if o.budget > 0 {
		args = append(args, "--budget", (o.budget / time.Duration(o.parts)).String())
	}
	if o.config != "" {
		args = append(args, "--config", o.config)
	}
	return args
}

// run runs another command as a part of c. What it prints is progress here. A command that was done when the context ended has no error, but run has.
func (o *auditModels) run(ctx context.Context, c, other *cobra.Command, args ...string) error {
	for _, flag := range auditDevice() {
		if f := c.Flags().Lookup(flag); f.Changed {
			args = append(args, "--"+flag+"="+f.Value.String())
		}
	}
	other.SetArgs(args)
	other.SetOut(c.ErrOrStderr())
	other.SetErr(c.ErrOrStderr())
	other.SilenceErrors, other.SilenceUsage = true, true
	return cmp.Or(other.ExecuteContext(ctx), ctx.Err())
}
