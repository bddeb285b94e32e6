package detector

import (
	"context"
	"fmt"
	"slices"

	"scalenet/coco"
	"scalenet/collective"
	"scalenet/imaging"
	"scalenet/internal/pending"
	"scalenet/internal/shard"
	"scalenet/roi"
	"scalenet/tile"
)

// EvaluateOptions are options of Detector.Evaluate. The zero value evaluates without a partial file.
type EvaluateOptions struct {
	// Partial is a file to which each image's detections are appended, so that a stopped evaluation can be resumed. The file is not removed
	// at the end. "" writes no file.
	Partial string
	// Resume continues after the last image in Partial, if that file exists. Evaluate returns an error if the file is of another model or dataset.
	Resume bool
	// Shard limits the evaluation to a part of the images; the zero value is all. A part has Results, but no Evaluation. [MergeParts] puts the
	// Partial files of all parts together.
	Shard shard.Shard
	// Group is the processes that share the images; nil is this process alone. Each gets the same result. There is no Partial file then.
	Group *collective.Group
	// Tiles cuts the images into tiles, see StartTiled; the zero value detects in whole images.
	Tiles tile.Options
	// TileBatch is the number of tiles per batch; 0 is 1.
	TileBatch int
	// Progress, if not nil, is called with the number of finished images: before the first image (the images read from Partial) and after each image.
	Progress func(done int)
}

// Evaluated is the result of Detector.Evaluate.
type Evaluated struct {
	*coco.Evaluation
	// Results are the detections that Evaluation was computed from. coco.WriteResults writes them for other tools.
	Results *coco.Results
	// Timings are the times of the images of this run, of all processes, without the images read from EvaluateOptions.Partial.
	Timings Timings
}

// Evaluate runs the detector on every image of a dataset, one image per batch, and returns COCO metrics. On an asynchronous device two batches
// are pending, on several devices one each. The dataset must have the model's classes in the same order, otherwise Evaluate returns an error.
func (d *deviceModel) Evaluate(ctx context.Context, data *coco.Dataset, o EvaluateOptions) (*Evaluated, error) {
	if names := data.ClassNames(); !slices.Equal(names, d.model.Classes) {
		return nil, fmt.Errorf("%s: classes %q are not the model's %q", data.Path, names, d.model.Classes)
	}
	e := &evaluation{deviceModel: d, data: data, options: o, Evaluated: &Evaluated{Results: &coco.Results{Path: data.Path}}}
	if o.Group != nil && o.Group.Size() > 1 {
		e.group = o.Group
	}
	e.first, e.end = o.Shard.Range(len(data.Images))
	var err error
	if o.Partial != "" {
		if e.partial, e.done, err = d.openPartial(data, o, e.Results); err != nil {
			return nil, err
		}
		defer e.partial.close()
	}
	detect := e.detect
	if o.Tiles.Side > 0 {
		detect = e.detectTiled
	}
	if err := detect(ctx); err != nil {
		return nil, err
	}
	if err := e.gather(); err != nil {
		return nil, err
	}
	if o.Shard.Of > 0 {
		return e.Evaluated, nil
	}
	e.Evaluation, err = coco.Evaluate(data, e.Results)
	return e.Evaluated, err
}

// evaluation is the state of an Evaluate call.
type evaluation struct {
	deviceModel *deviceModel
	data        *coco.Dataset
	partial     *partial
	options     EvaluateOptions
	first, end  int // of the images of the shard
	done        int
	group       *collective.Group // nil if this process has all images
	counts      []int             // of detections, by image of this process
	*Evaluated
}

// detect runs the detector on the images that are not done.
func (e *evaluation) detect(ctx context.Context) error {
	loader, err := e.deviceModel.testLoader(e.data)
	if err != nil {
		return err
	}
	defer loader.Close()
	loader.Take(e.takes)
	if err := loader.Seek(0, e.first+e.done); err != nil {
		return err
	}
	e.reportProgress()
	var queue pending.Queue
	for batch, err := range loader.Rest(ctx) {
		if err != nil {
			return err
		}
		started, err := e.start(batch)
		if err != nil {
			return fmt.Errorf("%v: %w", batch.FileNames(), err)
		}
		queue.Add(func() error { return e.finish(batch, started) })
		if err := queue.FinishAllBut(e.deviceModel.MaxPending()); err != nil {
			return err
		}
	}
	return queue.FinishAllBut(0)
}

func (e *evaluation) reportProgress() {
	if e.options.Progress != nil {
		e.options.Progress(e.done)
	}
}

func (e *evaluation) start(b *coco.Batch) (*pendingBatch, error) {
	frames := make([]frame, len(b.Samples))
	for i, s := range b.Samples {
		frames[i] = frame{s.Original, s.Resized, e.deviceModel.model.Settings()}
	}
	prepared := func() (input, error) { return input{b.Raw, b.Pixels}, nil }
	return e.deviceModel.start(prepared, batchSize{len(frames), b.H, b.W}, frames)
}

// finish waits for a batch, which has one image, and adds its detections to the results.
func (e *evaluation) finish(b *coco.Batch, started *pendingBatch) error {
	if err := e.deviceModel.wait(started); err != nil {
		return fmt.Errorf("%v: %w", b.FileNames(), err)
	}
	return e.add(b.Samples[0].Index, started.found[0], ImageTiming{Decode: b.Loading, Preprocess: b.Filling,
		Inference: started.timing.Inference, Postprocess: started.timing.Postprocess})
}

// add adds the detections in an image to the results.
func (e *evaluation) add(image int, found []roi.Detection, t ImageTiming) error {
	from := e.Results.Len()
	for _, x := range found {
		box := [4]float64{float64(x.Box.X1), float64(x.Box.Y1), float64(x.Box.X2 - x.Box.X1), float64(x.Box.Y2 - x.Box.Y1)}
		e.Results.Add(e.data.Images[image].ID, e.data.Categories[x.Class-1].ID, box, float64(x.Score))
	}
	e.counts = append(e.counts, e.Results.Len()-from)
	if err := e.partial.add(e.data, image, e.Results, from); err != nil {
		return err
	}
	e.Timings = append(e.Timings, t)
	e.done++
	e.reportProgress()
	return nil
}

// testLoader returns a loader of batches of one image each, in the order of the dataset.
func (d *deviceModel) testLoader(data *coco.Dataset) (*coco.Loader, error) {
	c := d.model.Config.Input
	return coco.NewLoader(data, coco.LoaderConfig{
		Batch: 1, Shorter: []int{c.TestShorter}, Longest: max(c.TestLongest, c.TestShorter), Divisor: c.Divisor, MinSide: d.model.PadTo(1),
		Rounding: c.Rounding, Resize: c.Resize,
		Raw: d.model.preprocessesOn(d.device()), Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
		Prefetch: 4,
	})
}
