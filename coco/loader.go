package coco

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/internal/prefetch"
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
	Contrast        float64 // the same for contrast
	Saturation      float64 // and for saturation
	Hue             float64 // rotation of the hue, uniform in -Hue..Hue, where 1 is the full circle; at most 0.5
	Rotation        float64 // degrees, uniform in -Rotation..Rotation
	// ScaleJitter has the lowest and the highest factor by which resized sides are multiplied. The picture is then cut or padded to the size of the batch.
	// 0, 0 is off.
	ScaleJitter     [2]float64
	Mosaic          float64 // probability that an image is made of four pictures
	MosaicEpochs    int     // number of epochs, from the first, that have mosaics; 0 is all
	MosaicUntil     float64 // share of the run after which epochs have no mosaics, see Loader.SetDone; 0 is never
	RepeatThreshold float64 // images with a class that is in less than this fraction of all images are repeated (LVIS); 0 is off
	Seed            uint64

	Workers    int   // batches prepared in parallel; default GOMAXPROCS
	Prefetch   int   // batches ready or in preparation ahead of Next; default 2*Workers
	CacheBytes int64 // memory for caching decoded images; 0 is off

	mosaicsEnded bool
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
	if err := c.checkAugmentation(); err != nil {
		return c, err
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

// needed returns the largest size at which images enter a batch; nil if the kind of resize takes whole images only.
func (c *LoaderConfig) needed() imaging.Needed {
	if !c.Resize.TakesReduced() {
		return nil
	}
	jitter := max(1, c.ScaleJitter[1])
	return func(size geom.Size) geom.Size {
		fitted := c.fit(size, slices.Max(c.Shorter))
		return geom.Size{W: jittered(fitted.W, jitter), H: jittered(fitted.H, jitter)}
	}
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
	factors []float64   // how often each image is used in an epoch; nil: once
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
		images:  &imageCache{data: d, sizes: sizes, limits: cfg.Limits, needed: cfg.needed(), left: cfg.CacheBytes, kept: make(map[int]*imaging.Image)}}
	if cfg.RepeatThreshold > 0 {
		l.factors = repeatFactors(d, images, cfg.RepeatThreshold)
	}
	batches := 0
	for _, b := range l.buckets {
		batches += (l.perEpoch(&b) + cfg.Batch - 1) / cfg.Batch
	}
	l.Loader = prefetch.New(batches, cfg.Workers, cfg.Prefetch, func(epoch int) func(int) (*Batch, error) {
		plans := l.planEpoch(epoch)
		return func(step int) (*Batch, error) { return l.build(epoch, step, &plans[step]) }
	})
	return l, nil
}

// SetDone tells which share of the run, from 0 to 1, is done before the next Seek. It implements train.Paced.
func (l *Loader) SetDone(share float64) {
	l.Close() // batches being made read the configuration
	l.cfg.mosaicsEnded = l.cfg.MosaicUntil > 0 && share >= l.cfg.MosaicUntil
}

// perEpoch returns the number of images of a bucket in an epoch, which is the same in every epoch.
func (l *Loader) perEpoch(b *bucket) int {
	if l.factors == nil {
		return len(b.images)
	}
	return totalFactor(b.images, l.factors)
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
