package coco

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/prefetch"
)

// LoaderConfig configures a Loader. A zero field takes its default, if it has one.
type LoaderConfig struct {
	Batch    int                // images per batch
	Shorter  []int              // shorter side in pixels; if several, each batch uses one of them, chosen at random
	Longest  int                // maximum longer side in pixels
	Rounding imaging.Fitting    // of the resized sides; default floor
	Resize   imaging.ResizeKind // default bilinear
	Divisor  int                // padded height and width are multiples of it; default 32
	MinSide  int                // minimum padded height and width in pixels
	Buckets  int                // maximum number of padded sizes per scale; default 4

	Raw           bool                  // return decoded images in Batch.Raw, for devices that resize and normalise
	Normalization imaging.Normalization // default imaging.ImageNet()
	Limits        imaging.Limits        // of decoded images; has its own defaults

	// Training:
	Shuffle         bool
	Repeat          bool // fill the last batch of a bucket with images from its start, so that every batch has Batch images
	OnlyWithObjects bool // skip images without an object to train on
	FlipHorizontal  bool // mirror each image horizontally with probability 0.5
	FlipVertical    bool
	Brightness      float64 // brightness factor, uniform in 1-Brightness..1+Brightness; below 1; 0 is off
	Seed            uint64

	Workers    int   // batches prepared in parallel; default GOMAXPROCS
	Prefetch   int   // batches ready or in preparation ahead of Next; default 2*Workers
	CacheBytes int64 // memory for caching decoded images; 0 is off
}

// withDefaults checks the configuration and sets defaults.
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
		return c, fmt.Errorf("loader: Shorter is empty")
	}
	for i, s := range c.Shorter {
		if s < 1 || s > c.Longest {
			return c, fmt.Errorf("loader: Shorter[%d] is %d, want 1 to Longest, %d", i, s, c.Longest)
		}
	}
	if !(c.Brightness >= 0 && c.Brightness < 1) {
		return c, fmt.Errorf("loader: Brightness is %v, want at least 0 and below 1", c.Brightness)
	}
	if err := errors.Join(c.Rounding.Check(), c.Resize.Check()); err != nil {
		return c, fmt.Errorf("loader: %w", err)
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

// Loader prepares batches of a data set in goroutines ahead of Next. The content of a batch depends only on the data set, the
// configuration, the epoch and the step, not on the number of workers or on caching. A resumed run therefore sees the same
// batches as an uninterrupted run. A Loader must not be used concurrently. If an image cannot be read, Next returns an error that
// names the image, until Seek is called.
type Loader struct {
	*prefetch.Loader[*Batch]
	data    *Dataset
	cfg     LoaderConfig
	buckets []bucket
	sizes   []geom.Size // of the images, as annotated
	images  *imageCache
}

// NewLoader returns a loader, whose first Next returns batch 0 of epoch 0. The caller must Close it.
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

// Sizes returns the padded sizes that batches can have, so that plans can be compiled in advance.
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
