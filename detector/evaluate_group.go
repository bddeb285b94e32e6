package detector

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"scalenet/coco"
)

// evaluatedPart is what a process has found: the detections of its images, and by image their numbers and the times.
type evaluatedPart struct {
	Counts  []int
	Results *coco.Results
	Timings Timings
}

// takes reports whether an image is one of this process: of a group every n-th is.
func (e *evaluation) takes(image int) bool {
	return e.first <= image && image < e.end && (e.group == nil || image%e.group.Size() == e.group.Rank())
}

// gather puts the detections and times of all processes into the order of the images.
func (e *evaluation) gather() error {
	if e.group == nil {
		return nil
	}
	var text bytes.Buffer
	if err := gob.NewEncoder(&text).Encode(evaluatedPart{e.counts, e.Results, e.Timings}); err != nil {
		return err
	}
	blocks, err := e.group.AllGather(text.Bytes())
	if err != nil {
		return err
	}
	parts := make([]evaluatedPart, len(blocks))
	for rank, block := range blocks {
		if err := gob.NewDecoder(bytes.NewReader(block)).Decode(&parts[rank]); err != nil {
			return fmt.Errorf("the detections of rank %d: %w", rank, err)
		}
	}
	all, next := &coco.Results{Path: e.Results.Path}, make([]int, len(parts))
	e.Timings = nil
	for i := range e.data.Images {
		rank := i % len(parts)
		p := &parts[rank]
		if i/len(parts) >= len(p.Counts) {
			return fmt.Errorf("rank %d has the detections of %d images", rank, len(p.Counts))
		}
		e.Timings = append(e.Timings, p.Timings[i/len(parts)])
		for range p.Counts[i/len(parts)] {
			k := next[rank]
			all.Add(p.Results.Image[k], p.Results.Category[k], p.Results.Box[k], p.Results.Score[k])
			next[rank]++
		}
	}
	e.Results = all
	return nil
}
