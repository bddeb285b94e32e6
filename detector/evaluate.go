package detector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"scalenet/coco"
	"scalenet/imaging"
)

// EvaluateOptions of Detector.Evaluate; the zero value is fine.
type EvaluateOptions struct {
	// Partial is a file that each picture's detections are appended to, so that
	// a stopped evaluation can be resumed; "" keeps nothing. It stays when the
	// evaluation is done.
	Partial string
	// Resume goes on where Partial ends, if it is there. It is an error if
	// another model or other data made it.
	Resume bool
	// Progress, which may be nil, is told how many pictures are done, at first
	// how many were done before.
	Progress func(done int)
}

// Evaluated is what an evaluation gives.
type Evaluated struct {
	*coco.Evaluation
	// Results are what coco.WriteResults writes for others to evaluate; they
	// give the same figures.
	Results *coco.Results
	// Timings are those of the pictures of this run, not of one that it resumed.
	Timings Timings
}

// Evaluate detects on every picture of a data set, one after the other (where the
// device runs by itself, the next one is on its way meanwhile), and
// compares with its annotations as COCO does. The data set must have the model's
// classes in its order.
func (d *Detector) Evaluate(ctx context.Context, data *coco.Dataset, o EvaluateOptions) (*Evaluated, error) {
	if names := data.ClassNames(); !slices.Equal(names, d.model.Classes) {
		return nil, fmt.Errorf("%s: classes %q are not the model's %q", data.Path, names, d.model.Classes)
	}
	loader, err := d.testLoader(data)
	if err != nil {
		return nil, err
	}
	defer loader.Close()
	e := &evaluation{detector: d, data: data, progress: o.Progress, Evaluated: &Evaluated{Results: &coco.Results{Path: data.Path}}}
	if o.Partial != "" {
		if e.kept, e.done, err = d.openPartial(data, o, e.Results); err != nil {
			return nil, err
		}
		defer e.kept.close()
		if err := loader.Seek(0, e.done); err != nil {
			return nil, err
		}
	}
	if err := e.detect(ctx, loader); err != nil {
		return nil, err
	}
	e.Evaluation, err = coco.Evaluate(data, e.Results)
	return e.Evaluated, err
}

// evaluation is one that is going on.
type evaluation struct {
	detector *Detector
	data     *coco.Dataset
	kept     *partial
	progress func(done int)
	under    []underway
	done     int
	*Evaluated
}

// underway is a batch of one picture that the device was asked for.
type underway struct {
	batch *coco.Batch
	*flight
}

// detect does the loader's batches.
func (e *evaluation) detect(ctx context.Context, loader *coco.Loader) error {
	e.tell()
	for {
		batch, err := loader.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := e.start(batch); err != nil {
			return err
		}
		if len(e.under) > e.detector.Ahead() {
			if err := e.deliver(); err != nil {
				return err
			}
		}
	}
	for len(e.under) > 0 {
		if err := e.deliver(); err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluation) tell() {
	if e.progress != nil {
		e.progress(e.done)
	}
}

func (e *evaluation) start(b *coco.Batch) error {
	frames := make([]frame, len(b.Samples))
	for i, s := range b.Samples {
		frames[i] = frame{s.Original, s.Resized, e.detector.model.Settings()}
	}
	f, err := e.detector.start(input{b.Pictures, b.Pixels}, batchSize{len(frames), b.H, b.W}, frames)
	if err != nil {
		return fmt.Errorf("%v: %w", b.FileNames(), err)
	}
	e.under = append(e.under, underway{b, f})
	return nil
}

// deliver adds the detections of the batch that was started first to the results.
func (e *evaluation) deliver() error {
	u := e.under[0]
	e.under = e.under[1:]
	if e.detector.land(u.flight); u.err != nil {
		return fmt.Errorf("%v: %w", u.batch.FileNames(), u.err)
	}
	from := e.Results.Len()
	for i, list := range u.found {
		for _, x := range list {
			box := [4]float64{float64(x.Box.X1), float64(x.Box.Y1), float64(x.Box.X2 - x.Box.X1), float64(x.Box.Y2 - x.Box.Y1)}
			e.Results.Add(u.batch.Samples[i].ID, e.data.Categories[x.Class-1].ID, box, float64(x.Score))
		}
	}
	if err := e.kept.add(e.data, u.batch.Samples[0].Index, e.Results, from); err != nil {
		return err
	}
	e.Timings = append(e.Timings, PictureTiming{Decode: u.batch.Loading, Preprocess: u.batch.Filling,
		Inference: u.timing.Inference, Postprocess: u.timing.Postprocess})
	e.done++
	e.tell()
	return nil
}

// testLoader makes batches of one picture each, in the order of the data set.
func (d *Detector) testLoader(data *coco.Dataset) (*coco.Loader, error) {
	c := d.model.Config.Input
	return coco.NewLoader(data, coco.LoaderConfig{
		Batch: 1, Shorter: []int{c.TestShorter}, Longest: max(c.TestLongest, c.TestShorter), Divisor: c.Divisor, MinSide: d.model.PadTo(1),
		Raw: takesPictures(d.dev), Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
		Prefetch: 4,
	})
}
