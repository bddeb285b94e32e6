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

// Evaluate detects on every picture of a data set and compares with its
// annotations as COCO does. progress, which may be nil, is told how many
// pictures are done. The results are what WriteResults writes for others to
// evaluate. The data set must have the model's classes in its order.
func (d *Detector) Evaluate(ctx context.Context, data *coco.Dataset, progress func(done int)) (*coco.Evaluation, *coco.Results, error) {
	if names := data.ClassNames(); !slices.Equal(names, d.model.Classes) {
		return nil, nil, fmt.Errorf("%s: classes %q are not the model's %q", data.Path, names, d.model.Classes)
	}
	c := d.model.Config.Input
	loader, err := coco.NewLoader(data, coco.LoaderConfig{
		Batch: 1, Shorter: []int{c.TestShorter}, Longest: max(c.TestLongest, c.TestShorter), Divisor: c.Divisor, MinSide: d.model.PadTo(1),
		Normalization: imaging.Normalization{Mean: c.Mean, Std: c.Std},
		Prefetch:      4,
	})
	if err != nil {
		return nil, nil, err
	}
	defer loader.Close()
	results := &coco.Results{Path: data.Path}
	for done := 0; ; done++ {
		batch, err := loader.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if err := d.detectBatch(batch, data, results); err != nil {
			return nil, nil, err
		}
		if progress != nil {
			progress(done + 1)
		}
	}
	figures, err := coco.Evaluate(data, results)
	return figures, results, err
}

// detectBatch adds a batch's detections to the results.
func (d *Detector) detectBatch(b *coco.Batch, data *coco.Dataset, results *coco.Results) error {
	frames := make([]frame, len(b.Samples))
	for i, s := range b.Samples {
		frames[i] = frame{s.Original, s.Resized}
	}
	found, _, err := d.run(b.Pixels, batchSize{len(frames), b.H, b.W}, frames)
	if err != nil {
		return fmt.Errorf("%v: %w", b.FileNames(), err)
	}
	for i, list := range found {
		for _, x := range list {
			box := [4]float64{float64(x.Box.X1), float64(x.Box.Y1), float64(x.Box.X2 - x.Box.X1), float64(x.Box.Y2 - x.Box.Y1)}
			results.Add(b.Samples[i].ID, data.Categories[x.Class-1].ID, box, float64(x.Score))
		}
	}
	return nil
}
