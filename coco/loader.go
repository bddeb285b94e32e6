package coco

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"scalenet/geom"
	"scalenet/imaging"
)

// LoaderConfig says how pictures become batches. Fields with a default take it when they are zero.
type LoaderConfig struct {
	Batch   int   // pictures a batch
	Shorter []int // shorter side in pixels; of several, each batch draws one
	Longest int   // the longer side is at most this
	Divisor int   // padded sides are multiples; default 32
	MinSide int   // padded sides are at least this long
	Buckets int   // padded sizes at one scale, at most; default 4

	Normalization imaging.Normalization // default imaging.ImageNet()
	Limits        imaging.Limits        // of a picture; has its own defaults

	// Training:
	Shuffle         bool
	Repeat          bool // fill a bucket's last batch with pictures from its start: every batch has Batch pictures
	OnlyWithObjects bool // leave out pictures without an object to train on
	FlipHorizontal  bool // every second picture
	FlipVertical    bool
	Brightness      float64 // factor drawn from 1-Brightness..1+Brightness, below 1
	Seed            uint64

	Workers    int   // batches in the making at once; default GOMAXPROCS
	Prefetch   int   // batches ready or in the making ahead of Next; default twice Workers
	CacheBytes int64 // memory for decoded pictures; 0: none are kept
}

// withDefaults checks the configuration and fills in what is zero.
func (c LoaderConfig) withDefaults() (LoaderConfig, error) {
	for _, d := range [...]struct {
		field    *int
		name     string
		fallback int
	}{
		{&c.Batch, "Batch", 0}, {&c.Longest, "Longest", 0}, {&c.Divisor, "Divisor", 32}, {&c.Buckets, "Buckets", 4},
		{&c.Workers, "Workers", runtime.GOMAXPROCS(0)}, {&c.Prefetch, "Prefetch", 2 * max(1, c.Workers)},
	} {
		if *d.field == 0 {
			*d.field = d.fallback
		}
		if *d.field < 1 {
			return c, fmt.Errorf("loader: %s is %d, want at least 1", d.name, *d.field)
		}
	}
	if c.MinSide < 0 {
		return c, fmt.Errorf("loader: MinSide is %d, want at least 0", c.MinSide)
	}
	if len(c.Shorter) == 0 {
		return c, fmt.Errorf("loader: Shorter names no size")
	}
	for i, s := range c.Shorter {
		if s < 1 || s > c.Longest {
			return c, fmt.Errorf("loader: Shorter[%d] is %d, want 1 to Longest, %d", i, s, c.Longest)
		}
	}
	if !(c.Brightness >= 0 && c.Brightness < 1) {
		return c, fmt.Errorf("loader: Brightness is %v, want at least 0 and below 1", c.Brightness)
	}
	if c.CacheBytes < 0 {
		return c, fmt.Errorf("loader: CacheBytes is %d, want at least 0", c.CacheBytes)
	}
	if c.Normalization == (imaging.Normalization{}) {
		c.Normalization = imaging.ImageNet()
	}
	if slices.Contains(c.Normalization.Std[:], 0) {
		return c, fmt.Errorf("loader: Normalization.Std is %v, want no 0", c.Normalization.Std)
	}
	return c, nil
}

// Loader makes the batches of a data set on goroutines ahead of Next. What a batch holds depends on the data set, the
// configuration, and its place (epoch, step) only, not on goroutines, caching, or how one got there: a resumed run sees
// exactly what an uninterrupted one does. It is for one goroutine at a time.
type Loader struct {
	data     *Dataset
	cfg      LoaderConfig
	buckets  []bucket
	sizes    []geom.Size // of the pictures, as annotated
	pictures *pictureCache
	batches  int

	epoch, step int // of the batch that Next returns next
	stream      *stream
	failed      error
	waited      time.Duration
}

// NewLoader prepares a loader; the first Next gives batch 0 of epoch 0. Close it.
func NewLoader(d *Dataset, cfg LoaderConfig) (*Loader, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	var images []int
	for i := range d.Images {
		if !cfg.OnlyWithObjects || d.hasObjects(i) {
			images = append(images, i)
		}
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("%s: none of its %d images can be used", d.Path, len(d.Images))
	}
	sizes, err := pictureSizes(d, images, cfg.Limits)
	if err != nil {
		return nil, err
	}
	l := &Loader{data: d, cfg: cfg, sizes: sizes,
		buckets:  makeBuckets(&cfg, images, func(i int) geom.Size { return sizes[i] }),
		pictures: &pictureCache{data: d, sizes: sizes, limits: cfg.Limits, left: cfg.CacheBytes, kept: make(map[int]*imaging.Image)}}
	for _, b := range l.buckets {
		l.batches += (len(b.images) + cfg.Batch - 1) / cfg.Batch
	}
	return l, nil
}

// Batches is the number of batches in every epoch.
func (l *Loader) Batches() int { return l.batches }

// Sizes are the padded sizes that batches can have, so that graphs can be made beforehand.
func (l *Loader) Sizes() []geom.Size {
	var all []geom.Size
	for _, b := range l.buckets {
		for _, s := range b.sizes {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// Waited is the time that calls of Next have spent waiting for data.
func (l *Loader) Waited() time.Duration { return l.waited }

// Seek makes Next continue with a batch of an epoch, both counted from 0.
func (l *Loader) Seek(epoch, step int) error {
	if epoch < 0 || step < 0 || step > l.batches {
		return fmt.Errorf("loader: no batch %d in epoch %d: an epoch has %d", step, epoch, l.batches)
	}
	l.Close()
	l.epoch, l.step, l.failed = epoch, step, nil
	return nil
}

// Next returns the next batch of the epoch, or io.EOF after the last; Seek begins another. A picture that cannot be read is an
// error that names it, and stays one until Seek.
func (l *Loader) Next(ctx context.Context) (*Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.failed != nil {
		return nil, l.failed
	}
	if l.step == l.batches {
		return nil, io.EOF
	}
	if l.stream == nil {
		l.stream = l.start()
	}
	began := time.Now()
	defer func() { l.waited += time.Since(began) }()
	if l.stream.head == nil {
		l.stream.head = <-l.stream.queue
	}
	select {
	case r := <-l.stream.head:
		l.stream.head = nil
		if r.err != nil {
			l.Close()
			l.failed = r.err
			return nil, r.err
		}
		if l.step++; l.step == l.batches {
			l.Close()
		}
		return r.batch, nil
	case <-ctx.Done():
		return nil, ctx.Err() // the batch stays at the head
	}
}

// Close ends the goroutines. The loader can be used again after Seek, or go on where it stood.
func (l *Loader) Close() {
	if l.stream != nil {
		l.stream.close()
		l.stream = nil
	}
}

// stream is the rest of an epoch in the making: a queue of batches in order, each a channel that its goroutine fills.
type stream struct {
	queue chan chan made
	head  chan made // taken from the queue, not yet received
	stop  chan struct{}
	wg    sync.WaitGroup
}

type made struct {
	batch *Batch
	err   error
}

// start makes the batches from the loader's place to the end of the epoch. The queue's capacity bounds how far ahead.
func (l *Loader) start() *stream {
	s := &stream{queue: make(chan chan made, l.cfg.Prefetch), stop: make(chan struct{})}
	epoch, first := l.epoch, l.step
	workers := make(chan struct{}, l.cfg.Workers)
	s.wg.Go(func() {
		plans := l.planEpoch(epoch)
		for step := first; step < len(plans); step++ {
			result := make(chan made, 1)
			select {
			case s.queue <- result:
			case <-s.stop:
				return
			}
			select {
			case workers <- struct{}{}:
			case <-s.stop:
				return
			}
			s.wg.Go(func() {
				batch, err := l.build(epoch, step, &plans[step])
				<-workers
				result <- made{batch, err}
			})
		}
	})
	return s
}

func (s *stream) close() {
	close(s.stop)
	s.wg.Wait()
}
