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

// Evaluate detects on every picture of a data set, one after the other, and
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
	e := &Evaluated{Results: &coco.Results{Path: data.Path}}
	var kept *partial
	done := 0
	if o.Partial != "" {
		if kept, done, err = d.openPartial(data, o, e.Results); err != nil {
			return nil, err
		}
		defer kept.close()
		if err := loader.Seek(0, done); err != nil {
			return nil, err
		}
	}
	tell := func() {
		if o.Progress != nil {
			o.Progress(done)
		}
	}
	for tell(); ; tell() {
		batch, err := loader.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		from := e.Results.Len()
		t, err := d.detectBatch(batch, data, e.Results)
		if err != nil {
			return nil, err
		}
		if err := kept.add(data, batch.Samples[0].Index, e.Results, from); err != nil {
			return nil, err
		}
		e.Timings = append(e.Timings, PictureTiming{Decode: batch.Loading, Preprocess: batch.Filling, Inference: t.Inference, Postprocess: t.Postprocess})
		done++
	}
	e.Evaluation, err = coco.Evaluate(data, e.Results)
	return e, err
}

// testLoader makes batches of one picture each, in the order of the data set.
func (d *Detector) testLoader(data *coco.Dataset) (*coco.Loader, error) {
	c := d.model.Config.Input
	return coco.NewLoader(data, coco.LoaderConfig{
		Batch: 1, Shorter: []int{c.TestShorter}, Longest: max(c.TestLongest, c.TestShorter), Divisor: c.Divisor, MinSide: d.model.PadTo(1),
		Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
		Prefetch:      4,
	})
}

// detectBatch adds a batch's detections to the results.
func (d *Detector) detectBatch(b *coco.Batch, data *coco.Dataset, results *coco.Results) (Timing, error) {
	frames := make([]frame, len(b.Samples))
	for i, s := range b.Samples {
		frames[i] = frame{s.Original, s.Resized, d.model.Settings()}
	}
	found, t, err := d.run(b.Pixels, batchSize{len(frames), b.H, b.W}, frames)
	if err != nil {
		return t, fmt.Errorf("%v: %w", b.FileNames(), err)
	}
	for i, list := range found {
		for _, x := range list {
			box := [4]float64{float64(x.Box.X1), float64(x.Box.Y1), float64(x.Box.X2 - x.Box.X1), float64(x.Box.Y2 - x.Box.Y1)}
			results.Add(b.Samples[i].ID, data.Categories[x.Class-1].ID, box, float64(x.Score))
		}
	}
	return t, nil
}
