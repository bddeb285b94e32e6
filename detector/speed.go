package detector

import (
	"context"
	"io"
	"time"

	"scalenet/coco"
	"scalenet/engine"
)

const (
	// unmeasuredSteps of each batch size compile its plans and touch their memory.
	unmeasuredSteps = 2
	measuredSteps   = 3
)

// MeasureTraining returns the time of a training step per image on a device: of a new model with the configuration on the first batches of the
// data. Nothing is kept of the model.
func MeasureTraining(ctx context.Context, c Config, data *coco.Dataset, dev engine.Device) (time.Duration, error) {
	m, err := New(c, data.ClassNames(), c.Train.Seed)
	if err != nil {
		return 0, err
	}
	loader, err := m.NewLoader(data, dev)
	if err != nil {
		return 0, err
	}
	defer loader.Close()
	trainer, err := NewTrainer(m, dev, nil, nil)
	if err != nil {
		return 0, err
	}
	defer trainer.Close()
	seen := map[batchSize]int{}
	var took time.Duration
	images := 0
	for images == 0 || images < measuredSteps*m.Config.Batch {
		began := time.Now() // a training waits for its data, too
		batch, err := next(ctx, loader)
		if err != nil {
			return 0, err
		}
		size := batchSize{len(batch.Samples), batch.H, batch.W}
		if _, err := trainer.Backward(ctx, batch, 1); err != nil {
			return 0, err
		}
		if seen[size]++; seen[size] > unmeasuredSteps {
			took += time.Since(began)
			images += len(batch.Samples)
		}
	}
	return took / time.Duration(images), nil
}

// next returns the next batch, at the end of the epoch the first again.
func next(ctx context.Context, loader *coco.Loader) (*coco.Batch, error) {
	batch, err := loader.Next(ctx)
	if err != io.EOF {
		return batch, err
	}
	if err := loader.Seek(0, 0); err != nil {
		return nil, err
	}
	return loader.Next(ctx)
}
