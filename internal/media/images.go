package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"scalenet/geom"
	"scalenet/imaging"
)

// Images decodes the images of the sources in their order, ahead of the loop. It ends early at the end of ctx. Of a live source the loop gets the newest frame,
// and sources after it follow when it has ended.
func Images(ctx context.Context, list []Source, o Options) iter.Seq[Image] {
	if o.Ahead == 0 {
		o.Ahead = 4
	}
	if o.Bytes == 0 {
		o.Bytes = 256 << 20
	}
	return func(yield func(Image) bool) {
		ctx, stop := context.WithCancel(ctx)
		a := &ahead{ctx: ctx, options: o, queue: make(chan item, o.Ahead), room: semaphore.NewWeighted(o.Bytes), decoders: make(chan struct{}, runtime.GOMAXPROCS(0))}
		a.running.Go(func() {
			defer close(a.queue)
			a.run(list)
		})
		defer func() {
			stop()
			for left := range a.queue {
				if left.live != nil {
					left.live.close()
				}
			}
			a.running.Wait()
		}()
		for next := range a.queue {
			if next.live != nil {
				if !a.follow(next, yield) {
					return
				}
				continue
			}
			im, ok := next.wait(ctx)
			if !ok {
				return
			}
			a.room.Release(next.bytes)
			if !yield(im) {
				return
			}
		}
	}
}

// ahead reads and decodes ahead of the loop.
type ahead struct {
	ctx      context.Context
	options  Options
	queue    chan item
	room     *semaphore.Weighted // bytes of pixels
	decoders chan struct{}
	running  sync.WaitGroup
}

// item is an image that is being decoded, or a live source.
type item struct {
	image chan Image
	bytes int64
	live  stream
	of    Source
	index int
}

func (i item) wait(ctx context.Context) (Image, bool) {
	select {
	case im := <-i.image:
		return im, ctx.Err() == nil
	case <-ctx.Done():
		return Image{}, false
	}
}

// run queues the images of all sources until the context ends.
func (a *ahead) run(list []Source) {
	var tape *archive
	defer func() { tape.closeIfOpen() }()
	for i, s := range list {
		if s.tape != tape {
			tape.closeIfOpen()
			tape = s.tape
		}
		var more bool
		switch {
		case s.err != nil:
			more = a.put(item{}, Image{Name: s.Name, Source: i, Err: s.err})
		case s.open != nil:
			more = a.stream(s, i)
		default:
			more = a.still(s, i)
		}
		if !more {
			return
		}
	}
}

// put queues an image that is decoded already. It returns false at the end of the context.
func (a *ahead) put(next item, im Image) bool {
	next.image = make(chan Image, 1)
	next.image <- im
	return a.send(next)
}

func (a *ahead) send(next item) bool {
	select {
	case a.queue <- next:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// reserve waits until the bytes of an image of w x h pixels may be taken. Its place in the queue comes before those that wait longer.
func (a *ahead) reserve(w, h int) (bytes int64, ok bool) {
	bytes = min(int64(w)*int64(h)*3, a.options.Bytes)
	return bytes, a.room.Acquire(a.ctx, bytes) == nil
}

// still reads an image, and has it decoded.
func (a *ahead) still(s Source, index int) bool {
	im := Image{Name: s.Name, Source: index}
	data, err := s.read(a.ctx)
	if a.ctx.Err() != nil {
		return false
	}
	var declared geom.Size
	if err == nil {
		declared, err = size(data)
	}
	if errors.Is(err, imaging.ErrTooLarge) && a.options.Large {
		switch {
		case s.tape != nil: // parts are read from a file of the image alone
			err = fmt.Errorf("%w; unpack the archive to read JPEG and TIFF in tiles", err)
		case s.File != "" && !imaging.IsHEIF(data):
			im.large = s.File
			return a.put(item{}, im)
		}
	}
	if err != nil {
		im.Err = errorOf(s, Frame{}, false, err)
		return a.put(item{}, im)
	}
	bytes, ok := a.reserve(declared.W, declared.H)
	if !ok {
		return false
	}
	next := item{image: make(chan Image, 1), bytes: bytes}
	a.decoders <- struct{}{}
	a.running.Go(func() {
		if err := im.decode(a.ctx, data, a.options.Needed); err != nil {
			im.Err = errorOf(s, Frame{}, false, err)
		}
		<-a.decoders
		next.image <- im
	})
	return a.send(next)
}

// stream queues the frames of a stream, or the whole if it is live.
func (a *ahead) stream(s Source, index int) bool {
	o := a.options
	opened, err := s.open(a.ctx, o)
	if err != nil {
		if a.ctx.Err() != nil {
			return false
		}
		return a.put(item{}, Image{Name: s.Name, Source: index, Err: errorOf(s, Frame{}, false, err)})
	}
	if _, live := opened.(*liveStream); live {
		if !a.send(item{live: opened, of: s, index: index}) {
			opened.close()
			return false
		}
		return true
	}
	defer opened.close()
	return s.frames(opened, index, func(im Image) bool {
		if im.Err != nil {
			return a.put(item{}, im)
		}
		bytes, ok := a.reserve(im.Pixels.W, im.Pixels.H)
		return ok && a.put(item{bytes: bytes}, im)
	}) && a.ctx.Err() == nil
}

// follow yields the frames of a live source.
func (a *ahead) follow(next item, yield func(Image) bool) bool {
	defer next.live.close()
	return next.of.frames(next.live, next.index, func(im Image) bool { return a.ctx.Err() == nil && yield(im) })
}

// frames yields the frames of a stream and its errors. It returns false if yield did.
func (s Source) frames(opened stream, index int, yield func(Image) bool) bool {
	var last Frame
	for begun := false; ; begun = true {
		pixels, f, err := opened.next()
		switch {
		case err == io.EOF && begun:
			return true
		case err == io.EOF:
			err = errors.New("no frame in it")
		case errors.Is(err, context.Canceled):
			return true
		}
		im := Image{Source: index, Frame: &f, Pixels: pixels, Name: s.frameName(f)}
		if f.Number < 0 {
			im.Name, im.Frame = s.Name, nil
		}
		if err != nil {
			im.Name, im.Err = s.Name, errorOf(s, last, begun, err)
		} else {
			im.Size = geom.Size{W: pixels.W, H: pixels.H}
		}
		if !yield(im) {
			return false
		}
		if fault := new(faultError); err != nil && !errors.As(err, &fault) {
			return true
		}
		last = f
	}
}

func (a *archive) closeIfOpen() {
	if a != nil {
		a.close()
	}
}
