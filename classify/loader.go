package classify

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"scalenet/internal/prefetch"
)

// Skipped records images that could not be read and were skipped. With a nil Skipped,
// an image that cannot be read is an error.
type Skipped struct {
	// Report, if not nil, is called once per such image, with an error that names it.
	Report func(error)

	mu     sync.Mutex
	seen   map[string]bool
	images []skippedImage // seen, in that order
}

// Count returns the number of different images skipped so far.
func (s *Skipped) Count() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// list returns the images skipped so far.
func (s *Skipped) list() []skippedImage {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.images)
}

// skips records an image. It returns false if the image must not be skipped.
func (s *Skipped) skips(name string, err error) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.seen[name] {
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		s.seen[name] = true
		s.images = append(s.images, skippedImage{name, err.Error()})
		if s.Report != nil {
			s.Report(err)
		}
	}
	return true
}

// batches makes the batches of a dataset.
type batches struct {
	config  *Config
	data    *Dataset
	skipped *Skipped
}

// workers returns the arguments of prefetch.New.
func workers() (workers, ahead int) {
	n := runtime.GOMAXPROCS(0)
	return n, 2 * n
}

// NewLoader returns a loader of training batches, shuffled in each epoch and augmented.
// Each batch has Config.Batch images: the last one of an epoch is filled up with images
// from the start of the epoch. A batch depends only on the seed of the configuration,
// the epoch, and the position in the epoch. The caller must close the loader.
func NewLoader(c Config, data *Dataset, skipped *Skipped) (*prefetch.Loader[*Batch], error) {
	if data.Len() == 0 {
		return nil, fmt.Errorf("%s: no images", data.Path)
	}
	b := &batches{&c, data, skipped}
	count := (data.Len() + c.Batch - 1) / c.Batch
	at, ahead := workers()
	return prefetch.New(count, at, ahead, func(epoch int) func(int) (*Batch, error) {
		order := prefetch.Rand(c.Train.Seed, epoch, -1).Perm(data.Len())
		return func(batch int) (*Batch, error) { return b.trainBatch(epoch, batch, order) }
	}), nil
}

// newTestLoader returns a loader of evaluation batches, with all images in order.
func newTestLoader(c Config, data *Dataset, batch int, skipped *Skipped) *prefetch.Loader[*Batch] {
	b := &batches{&c, data, skipped}
	at, ahead := workers()
	return prefetch.New((data.Len()+batch-1)/batch, at, ahead, func(int) func(int) (*Batch, error) {
		return func(i int) (*Batch, error) { return b.testBatch(i*batch, batch) }
	})
}

func (b *batches) trainBatch(epoch, index int, order []int) (*Batch, error) {
	n := b.config.Batch
	batch := newBatch(n, b.config.Input.Size)
	for i := range n {
		place := index*n + i
		random := prefetch.Rand(b.config.Train.Seed, epoch, place)
		// An image that cannot be read is replaced by the next one.
		for try := 0; ; try++ {
			at := order[(place+try)%len(order)]
			image, err := b.data.Image(at)
			if err == nil {
				batch.Labels[i], batch.Names[i] = b.data.Labels[at], b.data.Name(at)
				batch.fill(i, b.config.trainTransform(image, random))
				break
			}
			if !b.skipped.skips(b.data.Name(at), err) {
				return nil, err
			}
			if try == len(order) {
				return nil, fmt.Errorf("%s: none of its %d images can be read", b.data.Path, len(order))
			}
		}
	}
	return batch, nil
}

func (b *batches) testBatch(first, n int) (*Batch, error) {
	batch := newBatch(n, b.config.Input.Size)
	for i := range n {
		at := first + i
		batch.Labels[i] = -1
		if at >= b.data.Len() {
			continue
		}
		image, err := b.data.Image(at)
		if err != nil {
			if b.skipped.skips(b.data.Name(at), err) {
				continue
			}
			return nil, err
		}
		batch.Labels[i], batch.Names[i] = b.data.Labels[at], b.data.Name(at)
		batch.fill(i, b.config.testTransform(image))
	}
	return batch, nil
}
