package coco

import (
	"bytes"
	"io"
	"sync"
)

// partBytes is the minimum size of a part of a results file that is read by its own goroutine.
const partBytes = 1 << 20

// readResultsParts reads a large results file in several goroutines. The start of a detection in the middle of a file can only be
// guessed. The guess is confirmed if the reader of the previous part arrives at that byte between two detections. ok is false if
// a guess is not confirmed or the file is invalid. readResults then reads the file in order and returns the error with its index.
func readResultsParts(f io.ReaderAt, size int64, parts int) (*Results, bool) {
	if parts = int(min(int64(parts), size/partBytes)); parts < 2 {
		return nil, false
	}
	starts := make([]int64, parts+1)
	for i := 1; i < parts; i++ {
		starts[i] = guessDetection(f, size/int64(parts)*int64(i))
		if starts[i] <= starts[i-1] {
			return nil, false
		}
	}
	starts[parts] = size
	readers := make([]*resultsReader, parts)
	proved := make([]bool, parts)
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			s := newScanner(io.NewSectionReader(f, starts[i], size-starts[i]), 0)
			s.base = starts[i]
			readers[i] = newResultsReader(s)
			capacity := starts[i+1]
			if i == 0 {
				capacity = size // the other parts are put behind the first
			}
			proved[i] = readers[i].part(i == 0, starts[i], starts[i+1], capacity, i == parts-1)
		})
	}
	wg.Wait()
	whole := &readers[0].Results
	for i, r := range readers {
		if !proved[i] {
			return nil, false
		}
		if i > 0 {
			whole.Image, whole.Category = append(whole.Image, r.Image...), append(whole.Category, r.Category...)
			whole.Box, whole.Score = append(whole.Box, r.Box...), append(whole.Score, r.Score...)
			readers[i] = nil
		}
	}
	return whole, true
}

// part reads the detections from byte start up to byte end, or to the end of the file for the last part. It returns true if a
// detection ends exactly at end.
func (r *resultsReader) part(first bool, start, end, capacity int64, last bool) bool {
	if first && (r.begin() != nil || r.expect('[', "a list") != nil) {
		return false
	}
	for {
		if r.detection() != nil {
			return false
		}
		r.reserve(r.offset()-start, capacity-start)
		switch c := r.peek(); {
		case c == ',':
			r.pos++
			if r.peek(); !last && r.offset() >= end {
				return r.offset() == end
			}
		case c == ']' && last:
			r.pos++
			return r.done() == nil
		default:
			return false
		}
	}
}

// guessDetection is the offset behind from where a detection seems to begin: an opening brace after a closing one and a comma.
// It is 0 if there is none within reach.
func guessDetection(f io.ReaderAt, from int64) int64 {
	buf := make([]byte, 64<<10)
	n, _ := f.ReadAt(buf, from) // an error shows when the part is read
	const start, closed, comma = 0, 1, 2
	state := start
	for i, c := range buf[:n] {
		switch {
		case c == '}':
			state = closed
		case c == ',' && state == closed:
			state = comma
		case c == '{' && state == comma:
			return from + int64(i)
		case bytes.IndexByte([]byte(" \t\r\n"), c) < 0:
			state = start
		}
	}
	return 0
}
