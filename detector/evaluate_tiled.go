package detector

import (
	"context"
	"fmt"
	"time"

	"scalenet/imaging"
	"scalenet/internal/pending"
	"scalenet/internal/prefetch"
)

// opened is an image file that was opened, and decoded unless it is large.
type opened struct {
	*imaging.Strips
	took time.Duration
}

// detectTiled runs the detector on the tiles of the images that are not done. One image is opened ahead.
func (e *evaluation) detectTiled(ctx context.Context) error {
	ahead := prefetch.New(len(e.data.Images), 1, 1, func(int) func(int) (opened, error) { return e.open })
	defer ahead.Close()
	ahead.Take(e.takes)
	if err := ahead.Seek(0, e.first+e.done); err != nil {
		return err
	}
	e.reportProgress()
	image := e.first + e.done - 1
	var queue pending.Queue
	for picture, err := range ahead.Rest(ctx) {
		if err != nil {
			return err
		}
		for image++; !e.takes(image); image++ {
		}
		if err := e.startTiled(ctx, image, picture, &queue); err != nil {
			return err
		}
		if err := queue.FinishAllBut(e.deviceModel.MaxPending()); err != nil {
			return err
		}
	}
	return queue.FinishAllBut(0)
}

func (e *evaluation) open(image int) (opened, error) {
	began := time.Now()
	s, err := imaging.OpenStrips(e.data.ImagePath(image), imaging.Limits{})
	if err != nil {
		return opened{}, fmt.Errorf("%s: images[%d]: %w", e.data.Path, image, err) // the error names the file
	}
	return opened{s, time.Since(began)}, nil
}

// startTiled starts an image and adds it to the queue. Its file is read to the end.
func (e *evaluation) startTiled(ctx context.Context, image int, picture opened, queue *pending.Queue) error {
	defer picture.Close()
	run, err := e.deviceModel.StartTiled(ctx, picture.Strips, e.deviceModel.model.Settings(), e.options.Tiles, e.options.TileBatch)
	if err != nil {
		return fmt.Errorf("%s: images[%d]: %s: %w", e.data.Path, image, e.data.Images[image].FileName, err)
	}
	queue.Add(func() error {
		found, t, err := run.Wait()
		if err != nil {
			return fmt.Errorf("%s: images[%d]: %s: %w", e.data.Path, image, e.data.Images[image].FileName, err)
		}
		return e.add(image, found, ImageTiming{picture.took, t.Preprocess, t.Inference, t.Postprocess})
	})
	return nil
}
