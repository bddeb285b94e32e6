package coco

import (
	"fmt"
	"runtime"
	"slices"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/prefetch"
)

// LoaderConfig says how images become batches. Fields with a default take it when they are zero.
type LoaderConfig struct {
	Batch   int   // images a batch
	Shorter []int // shorter side in pixels; of several, each batch draws one
	Longest int   // the longer side is at most this
	Divisor int   // padded sides are multiples; default 32
	MinSide int   // padded sides are at least this long
	Buckets int   // padded sizes at one scale, at most; default 4

	Raw           bool                  // leave images as they are: Batch.Raw, for devices that make images of them
	Normalization imaging.Normalization // default imaging.ImageNet()
	Limits        imaging.Limits        // of an image; has its own defaults

	// Training:
	Shuffle         bool
	Repeat          bool // fill a bucket's last batch with images from its start: every batch has Batch images
	OnlyWithObjects bool // leave out images without an object to train on
	FlipHorizontal  bool // every second image
	FlipVertical    bool
	Brightness      float64 // factor drawn from 1-Brightness..1+Brightness, below 1
	Seed            uint64

	Workers    int   // batches in the making at once; default GOMAXPROCS
	Prefetch   int   // batches ready or in the making ahead of Next; default twice Workers
	CacheBytes int64 // memory for decoded images; 0: none are kept
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

// Loader makes the batches of a data set on goroutines ahead of Next. What a batch holds, but for its durations, depends on the
// data set, the configuration, and its place (epoch, step) only, not on goroutines, caching, or how one got there: a resumed run
// sees exactly what an uninterrupted one does. It is for one goroutine at a time. An image that cannot be read is an error of
// Next that names it, and stays one until Seek.
type Loader struct {
	*prefetch.Loader[*Batch]
	data    *Dataset
	cfg     LoaderConfig
	buckets []bucket
	sizes   []geom.Size // of the images, as annotated
	images  *imageCache
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
	sizes, err := imageSizes(d, images, cfg.Limits)
	if err != nil {
		return nil, err
	}
	l := &Loader{data: d, cfg: cfg, sizes: sizes,
		buckets: makeBuckets(&cfg, images, func(i int) geom.Size { return sizes[i] }),
		images:  &imageCache{data: d, sizes: sizes, limits: cfg.Limits, left: cfg.CacheBytes, kept: make(map[int]*imaging.Image)}}
	batches := 0
	for _, b := range l.buckets {
		batches += (len(b.images) + cfg.Batch - 1) / cfg.Batch
	}
	l.Loader = prefetch.New(batches, cfg.Workers, cfg.Prefetch, func(epoch int) func(int) (*Batch, error) {
		plans := l.planEpoch(epoch)
		return func(step int) (*Batch, error) { return l.build(epoch, step, &plans[step]) }
	})
	return l, nil
}

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
