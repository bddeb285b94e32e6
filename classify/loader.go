package classify

import (
	"fmt"
	"runtime"
	"sync"

	"scalenet/prefetch"
)

// Skipped collects the images that could not be read and were left out. A nil
// Skipped leaves none out: they are errors.
type Skipped struct {
	// Tell is called once for each such image, with the error that names it.
	Tell func(error)

	mu   sync.Mutex
	seen map[string]bool
}

// Count is the number of different images left out so far.
func (s *Skipped) Count() int {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// skips notes an image; false when it may not be left out.
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
		if s.Tell != nil {
			s.Tell(err)
		}
	}
	return true
}

// batches makes the batches of a data set.
type batches struct {
	config  *Config
	data    *Dataset
	skipped *Skipped
}

// workers is how many batches are made at once, ahead how many wait at most.
func workers() (workers, ahead int) {
	n := runtime.GOMAXPROCS(0)
	return n, 2 * n
}

// NewLoader makes the training batches of a configuration: shuffled anew in
// every epoch, all of Config.Batch images (the last one is filled up from the
// start of the epoch), changed at random. What a batch holds depends on the
// configuration's seed, its epoch and its place only. Close it.
func NewLoader(c Config, data *Dataset, skipped *Skipped) (*prefetch.Loader[*Batch], error) {
	if data.Len() == 0 {
		return nil, fmt.Errorf("%s: no images", data.Path)
	}
	b := &batches{&c, data, skipped}
	count := (data.Len() + c.Batch - 1) / c.Batch
	at, ahead := workers()
	return prefetch.New(count, at, ahead, func(epoch int) func(int) (*Batch, error) {
		order := prefetch.Rand(c.Train.Seed, epoch, -1).Perm(data.Len())
		return func(batch int) (*Batch, error) { return b.forTraining(epoch, batch, order) }
	}), nil
}

// newTestLoader makes batches of all images in their order, as tests see them.
func newTestLoader(c Config, data *Dataset, batch int, skipped *Skipped) *prefetch.Loader[*Batch] {
	b := &batches{&c, data, skipped}
	at, ahead := workers()
	return prefetch.New((data.Len()+batch-1)/batch, at, ahead, func(int) func(int) (*Batch, error) {
		return func(i int) (*Batch, error) { return b.forTest(i*batch, batch) }
	})
}

func (b *batches) forTraining(epoch, index int, order []int) (*Batch, error) {
	n := b.config.Batch
	batch := newBatch(n, b.config.Input.Size)
	for i := range n {
		place := index*n + i
		random := prefetch.Rand(b.config.Train.Seed, epoch, place)
		// The next image takes the place of one that cannot be read.
		for try := 0; ; try++ {
			at := order[(place+try)%len(order)]
			image, err := b.data.Image(at)
			if err == nil {
				batch.Labels[i], batch.Names[i] = b.data.Labels[at], b.data.Name(at)
				batch.fill(i, b.config.forTraining(image, random))
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

func (b *batches) forTest(first, n int) (*Batch, error) {
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
		batch.fill(i, b.config.forTest(image))
	}
	return batch, nil
}
