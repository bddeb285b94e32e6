package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/threshold"
	"scalenet/detector"
	"scalenet/internal/brief"
	"scalenet/internal/shard"
	"scalenet/train"
)

type evalOptions struct {
	model   modelOptions
	data    annotatedData
	tiles   tileOptions
	streams streamOptions
	results string
	shard   shard.Shard
	report  reportOptions
	choose  chooseOptions
	output  outputs
	resume  bool
	json    bool
}

func newEvalCommand() *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use:   "eval --model FILE --data PATH",
		Short: "Evaluate a detector: COCO AP and AR, and time per image",
		Long: `Run a detector on every image of a data set and evaluate the detections. Prints the
twelve COCO AP and AR metrics, AP per class, and the time per image by phase. A PATH
is a COCO instances file (with --images), or a Pascal VOC folder or YOLO's data.yaml
(with --split).

--results FILE writes the detections as a COCO results file, for which 'coco eval'
gives the same metrics. During the run they are in FILE.partial. After Ctrl-C or a
crash, --resume continues from there, with the same result as without interruption.
A different model or different data are an error then.

--shard I/N evaluates part I of N, from 0, of the images: on machines that do not
know each other, such as those of a batch system. --results then names the file of
the part. 'scalenet merge' puts the parts together.

--report DIR writes the error analysis of 'coco eval --report', with the images.

--tile 640 detects in overlapping tiles of each image and in the whole image, for
images that are large compared to their objects. docs/tiling.md has more.

--choose-threshold chooses the score threshold of each class at IoU 0.5, with 95 %
bootstrap intervals (1000 resamples of the images), and stores it in the model file:
  f1             the threshold of highest F1
  precision=P    the lowest threshold at which the precision is at least P
  recall=R       the highest threshold at which the recall is at least R
'detect' and 'serve' use it with --threshold best. The file is replaced atomically,
and its tensors keep their bits.`,
		Example: `  scalenet eval --model models/bccd.safetensors --data data/bccd --split val
  scalenet eval --model runs/coco/best.safetensors --data instances_val2017.json --images val2017 \
      --size 800/1200 --results results.json --json
  scalenet eval --model runs/bccd/best.safetensors --data data/bccd --report runs/report --choose-threshold f1`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.data.flags(c, "data", "data set to evaluate on", "", "val")
	f.StringVar(&o.results, "results", "", "write the detections to this COCO results file")
	f.BoolVar(&o.resume, "resume", false, "continue a stopped evaluation with the same --results")
	f.BoolVar(&o.json, "json", false, "print JSON")
	addShard(f, &o.shard, "evaluate part `I/N` of the images; --results names the file of the part")
	o.report.flags(c)
	o.choose.flags(c)
	o.tiles.flags(c)
	o.streams.flags(c, 1)
	o.output.flags(c, "results", "report")
	o.model.flags(c)
	return c
}

func (o *evalOptions) run(c *cobra.Command) error {
	if err := o.report.check(c); err != nil {
		return err
	}
	if err := o.choose.check(&o.model, &o.tiles); err != nil {
		return err
	}
	if err := cmp.Or(o.tiles.check(c), o.streams.check(&o.model.device)); err != nil {
		return err
	}
	if err := o.checkShard(); err != nil {
		return err
	}
	return inGroup(c, &o.model.device, o.share)
}

// checkTogether returns an error for what several processes cannot do.
func (o *evalOptions) checkTogether(g group) error {
	switch {
	case g.Size() == 1:
		return nil
	case o.shard.Of > 0:
		return errors.New("--shard is for processes that do not know each other: under mpirun they share the images without it")
	case o.resume:
		return errors.New("--resume: an evaluation in several processes keeps no partial results")
	}
	return nil
}

// share is the part of this process.
func (o *evalOptions) share(c *cobra.Command, g group) error {
	if err := o.checkTogether(g); err != nil {
		return &knownError{err}
	}
	partial, err := o.partial()
	if err != nil {
		return err
	}
	if g.Size() > 1 {
		partial = ""
	}
	if err := o.check(partial, append(coco.Sources(o.data.path), o.model.path)); err != nil {
		return err
	}
	model, err := o.model.load()
	if err != nil {
		return err
	}
	errs := g.told(c.ErrOrStderr())
	data, err := o.data.open(errs, model.Classes)
	if err != nil {
		return err
	}
	if err := o.check(partial, data.Files()); err != nil {
		return err
	}
	d, closeAll, err := o.streams.open(model, &o.model)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := g.sameEvaluation(data, model.Metadata(), model.Tensors()); err != nil {
		return err
	}
	in := model.Config.Input
	fmt.Fprintf(errs, "images at %d/%d, %d proposals\n", in.TestShorter, in.TestLongest, model.Config.RPN.Proposals.Test.AfterNMS)
	if o.tiles.Side > 0 {
		fmt.Fprintf(errs, "in tiles of %d pixels with an overlap of %v, and as a whole\n", o.tiles.Side, o.tiles.Overlap)
	}
	ctx, stop := train.Interruptible(c.Context(), errs, stopping(partial))
	defer stop()
	if err := o.replacePartial(partial); err != nil {
		return err
	}
	first, end := o.shard.Range(len(data.Images))
	what, total := "images", end-first
	if g.Size() > 1 {
		what, total = "images of this process", g.part(total)
	}
	told := newProgress(errs, what, total)
	done, before := 0, -1
	e, err := d.Evaluate(ctx, data, detector.EvaluateOptions{Group: g.Group, Partial: partial, Resume: o.resume, Shard: o.shard, Tiles: o.tiles.Options,
		TileBatch: o.tiles.size(d.MaxPending()), Progress: func(n int) {
			if done = n; before < 0 {
				before = n
				told.from(n)
				return
			}
			told.done(n)
		}})
	if err != nil {
		told.end()
		if errors.Is(err, context.Canceled) {
			return newStoppedError(done, total, what, partial)
		}
		return err
	}
	if !g.first() {
		return nil
	}
	if o.shard.Of > 0 {
		return o.finishPart(c, partial, len(data.Images))
	}
	timing := newEvalTiming(e.Timings, time.Since(told.start))
	return o.complete(partial, e.Results, func() error { return o.finish(c, model, data, e, timing) })
}

// complete writes the results file and what finish derives from the detections. Only then does it remove the partial results, so that --resume
// can go on from any failure.
func (o *evalOptions) complete(partial string, results *coco.Results, finish func() error) error {
	if o.results == "" {
		return finish()
	}
	held, taken := holdPartial(partial)
	write := o.writing()
	err := write.write(o.results, func(path string) error { return coco.WriteResults(path, results) })
	if err == nil {
		err = finish()
	}
	switch {
	case err != nil && held != nil:
		held.file.Close()
		return fmt.Errorf("%w; the detections are in %s, --resume continues from there", err, partial)
	case err != nil || taken != nil: // a process that has taken them since the evaluation ended keeps them
		return err
	}
	return held.remove()
}

// finish writes and prints what is derived from the detections. The thresholds, which take longest, come first: after a kill then, there is no
// report that --resume would have to replace.
func (o *evalOptions) finish(c *cobra.Command, m *detector.Model, data *coco.Dataset, e *detector.Evaluated, timing evalTiming) error {
	chosen, err := o.choose.choose(data, e.Results)
	if err != nil {
		return err
	}
	if o.report.dir != "" {
		results := *e.Results
		results.Path = o.model.path // the report's name for them
		if err := o.report.write(c.ErrOrStderr(), o.output, coco.Evaluator{}, data, &results); err != nil {
			return err
		}
	}
	if o.json {
		err = json.NewEncoder(c.OutOrStdout()).Encode(evalMetrics{newCocoMetrics(e.Evaluation), timing, chosen})
	} else {
		err = errors.Join(writeCocoMetrics(c.OutOrStdout(), e.Evaluation), writeThresholds(c.OutOrStdout(), chosen), timing.write(c.OutOrStdout()))
	}
	if err != nil || chosen == nil {
		return err
	}
	return o.choose.store(c.ErrOrStderr(), &o.model, m, chosen)
}

// partial returns the file for the detections of an evaluation in progress, or
// "" without --results.
func (o *evalOptions) partial() (string, error) {
	if o.results == "" {
		if o.resume {
			return "", errors.New("--resume needs the --results of the stopped evaluation")
		}
		return "", nil
	}
	path := o.results + ".partial"
	_, err := os.Stat(path)
	there := err == nil
	switch {
	case there && !o.resume && !o.output.force:
		return "", fmt.Errorf("%s: belongs to a stopped evaluation: continue it with --resume or replace it with --force", path)
	case !there && o.resume:
		if _, err := os.Stat(o.results); !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: the evaluation is complete, nothing to resume", o.results)
		}
	}
	return path, nil
}

// check checks the output files by the rule of outputs.
func (o *evalOptions) check(partial string, inputs []string) error {
	files := o.report.files()
	if err := o.output.check(inputs, files...); err != nil {
		return err
	}
	if o.results != "" {
		files = append(files, output{of: "--results", path: o.results})
	}
	if partial != "" {
		files = append(files, output{of: "the partial results", path: partial})
	}
	write := o.writing()
	return write.check(inputs, files...)
}

// writing returns the rule of outputs. A resumed evaluation may replace existing
// files, because the stopped one was allowed to.
func (o *evalOptions) writing() outputs { return outputs{force: o.output.force || o.resume} }

// stoppedError is the error of an evaluation that the user stopped.
type stoppedError struct{ msg string }

func (e *stoppedError) Error() string { return e.msg }
func (e *stoppedError) ExitCode() int { return 130 } // as of a process killed by Ctrl-C

// stopping returns the message for the first Ctrl-C.
func stopping(partial string) string {
	if partial == "" {
		return "stopping after this image"
	}
	return "stopping after this image; the detections so far are kept"
}

// newStoppedError returns the error of an evaluation that was stopped.
func newStoppedError(done, total int, what, partial string) error {
	msg := fmt.Sprintf("stopped after %d of %d %s", done, total, what)
	if partial != "" {
		msg += "; --resume continues from there"
	}
	return &stoppedError{msg}
}

// evalMetrics is what `eval --json` prints.
type evalMetrics struct {
	cocoMetrics
	Timing     evalTiming        `json:"timing"`
	Thresholds *threshold.Chosen `json:"thresholds,omitempty"` // with --choose-threshold
}

// evalTiming is the time per image by phase, in milliseconds.
type evalTiming struct {
	Images  int                  `json:"images"` // of this run
	Seconds float64              `json:"seconds"`
	Stages  map[string]evalStage `json:"stages"`

	order []string
}

type evalStage struct {
	Mean    float64 `json:"mean_ms"`
	P50     float64 `json:"p50_ms"`
	P90     float64 `json:"p90_ms"`
	P99     float64 `json:"p99_ms"`
	Longest float64 `json:"max_ms"`
}

func newEvalTiming(t detector.Timings, took time.Duration) evalTiming {
	e := evalTiming{Images: len(t), Seconds: took.Seconds(), Stages: map[string]evalStage{}}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, s := range t.Stages() {
		e.order = append(e.order, s.Stage)
		e.Stages[s.Stage] = evalStage{ms(s.Mean), ms(s.P50), ms(s.P90), ms(s.P99), ms(s.Longest)}
	}
	return e
}

func (e evalTiming) write(w io.Writer) error {
	if e.Images == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%s in %.1f s (%.2f images/s); time per image in ms:\n", brief.Count(e.Images, "image"), e.Seconds, float64(e.Images)/e.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "\tmean\t50 %\t90 %\t99 %\tlongest\t\n")
	for _, name := range e.order {
		s := e.Stages[name]
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", name, s.Mean, s.P50, s.P90, s.P99, s.Longest)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "decode and preprocess run in parallel with detect; detect is inference plus postprocess")
	return err
}
