package view

import (
	"context"
	"fmt"
	"math"

	"scalenet/coco"
	"scalenet/imaging"
)

// Training are the pages of an epoch's images as the network gets them: resized, augmented, padded, in the order of the training.
type Training struct {
	opt    Options
	data   *coco.Dataset
	cfg    coco.LoaderConfig
	epoch  int // from 0
	loader *coco.Loader
}

// NewTraining returns the pages of an epoch, counted from 0, of a loader with the given configuration. Options.Class, AnnotatedOnly and Seed have no effect.
// The caller must Close it.
func NewTraining(d *coco.Dataset, cfg coco.LoaderConfig, epoch int, o Options) (*Training, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if epoch < 0 {
		return nil, fmt.Errorf("epoch %d: want at least 0", epoch)
	}
	cfg.Raw, cfg.Prefetch = false, 1
	if cfg.Normalization == (imaging.Normalization{}) {
		cfg.Normalization = imaging.ImageNet()
	}
	loader, err := coco.NewLoader(d, cfg)
	if err != nil {
		return nil, err
	}
	return &Training{o, d, cfg, epoch, loader}, nil
}

// Close ends the loader.
func (t *Training) Close() { t.loader.Close() }

// Len returns the number of pages.
func (t *Training) Len() int {
	n := t.opt.Rows * t.opt.Columns
	return (t.loader.Batches()*t.cfg.Batch + n - 1) / n
}

// Page draws page n, from 0. An image that cannot be read is an error, as in training.
func (t *Training) Page(ctx context.Context, n int) (sheet *imaging.Image, failed int, first error, err error) {
	if n < 0 || n >= t.Len() {
		return nil, 0, nil, fmt.Errorf("page %d: only %d pages", n, t.Len())
	}
	wanted := t.opt.Rows * t.opt.Columns
	from := n * wanted
	if err := t.loader.Seek(t.epoch, from/t.cfg.Batch); err != nil {
		return nil, 0, nil, err
	}
	var pictures []picture
	var seen []int // classes
	skip := from % t.cfg.Batch
	for b, err := range t.loader.Rest(ctx) {
		if err != nil {
			return nil, 0, nil, err
		}
		for i := skip; i < len(b.Samples) && len(pictures) < wanted; i++ {
			pictures = append(pictures, t.picture(b, i))
			seen = append(seen, b.Samples[i].Classes...)
		}
		if skip = 0; len(pictures) == wanted {
			break
		}
	}
	t.loader.Close()
	return t.opt.page(ctx, pictures, legendOf(t.data, seen))
}

// picture is image i of a batch, padding included.
func (t *Training) picture(b *coco.Batch, i int) picture {
	s := &b.Samples[i]
	text := caption(len(s.Boxes), s.FileName)
	if n := len(s.Others); n > 0 {
		text += fmt.Sprintf(" and %d others", n)
	}
	var objects []object
	for k, box := range s.Boxes {
		o := object{box, s.Classes[k], name(t.data.Categories[s.Classes[k]-1])}
		if s.Crowd[k] {
			o.name += " (ignored)"
		}
		objects = append(objects, o)
	}
	return picture{func(w, h int) (*imaging.Image, error) { return drawn(t.bytes(b, i), w, h, objects) }, text}
}

// bytes returns the pixels of image i of a batch before normalisation.
func (t *Training) bytes(b *coco.Batch, i int) *imaging.Image {
	m, n := imaging.New(b.W, b.H), t.cfg.Normalization
	for k, v := range b.Pixels[i*len(m.Pix) : (i+1)*len(m.Pix)] {
		c := k % 3 // red, green, blue
		v = (v*n.Std[c] + n.Mean[c]) * 255
		m.Pix[k-c+2-c] = uint8(min(max(math.Round(float64(v)), 0), 255))
	}
	return m
}
