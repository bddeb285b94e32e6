package similar

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"scalenet/coco"
	"scalenet/imaging"
	"scalenet/internal/disjoint"
)

// Options of Find.
type Options struct {
	Limits   imaging.Limits // of image files; default those of training
	Workers  int            // images decoded in parallel; default GOMAXPROCS
	Progress func(done int) // called with the number of images looked at; may be nil
}

// Find returns the groups of near copies among the images: indices, sorted. A chain of near copies, such as the frames of a slow
// video, is one group. Images that cannot be read, and blank ones, are in no group. Memory use is 4 KB per image.
func Find(ctx context.Context, d *coco.Dataset, o Options) ([][]int, error) {
	if o.Workers < 1 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	looks, err := lookAtAll(ctx, d, o)
	if err != nil {
		return nil, err
	}
	var readable []int
	for i := range looks {
		if looks[i].thumb != nil {
			readable = append(readable, i)
		}
	}
	hashes := make([]uint64, len(readable))
	for k, i := range readable {
		hashes[k] = looks[i].hash
	}
	sets := disjoint.New(len(looks))
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(o.Workers)
	table := newIndex(hashes)
	for k := range hashes {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			i := readable[k]
			table.near(k, func(other int) {
				j := readable[other]
				mu.Lock()
				joined := sets.Same(i, j) // no need to compare all pairs of a thousand copies
				mu.Unlock()
				if joined || ctx.Err() != nil || !alike(looks[i].thumb, looks[j].thumb) {
					return
				}
				mu.Lock()
				sets.Join(i, j)
				mu.Unlock()
			})
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return sets.Groups(), ctx.Err()
}

// look is what is kept of an image. The thumbnail is nil if the image cannot be read.
type look struct {
	hash  uint64
	thumb *thumb
}

// lookAtAll decodes all images in parallel.
func lookAtAll(ctx context.Context, d *coco.Dataset, o Options) ([]look, error) {
	looks := make([]look, len(d.Images))
	var mu sync.Mutex
	done := 0
	var g errgroup.Group
	g.SetLimit(o.Workers)
	for i := range d.Images {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if image, err := imaging.Load(d.ImagePath(i), o.Limits); err == nil { // data check reports what cannot be read
				looks[i].thumb = newThumb(image)
				looks[i].hash = looks[i].thumb.hash()
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; o.Progress != nil {
				o.Progress(done)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return looks, ctx.Err()
}
