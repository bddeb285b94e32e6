package detector

import (
	"slices"
	"time"
)

// PictureTiming is where the time of one picture of an evaluation went. Decode
// and Preprocess happen on other goroutines while the picture before is in the
// network.
type PictureTiming struct {
	Decode      time.Duration // read and decode the file
	Preprocess  time.Duration // resize, normalise, pad
	Inference   time.Duration // the network; on a GPU all that follows, too
	Postprocess time.Duration // detections
}

// Timings are those of pictures in their order.
type Timings []PictureTiming

// StageTiming sums up one stage over all pictures.
type StageTiming struct {
	Stage         string
	Mean          time.Duration
	P50, P90, P99 time.Duration // 50, 90, 99 % of the pictures took at most this
	Longest       time.Duration
}

// Stages sums up each stage, and the last row what the network's thread does of
// a picture: inference and postprocessing. There is none for no pictures.
func (t Timings) Stages() []StageTiming {
	if len(t) == 0 {
		return nil
	}
	var stages []StageTiming
	for _, s := range []struct {
		name string
		of   func(PictureTiming) time.Duration
	}{
		{"decode", func(p PictureTiming) time.Duration { return p.Decode }},
		{"preprocess", func(p PictureTiming) time.Duration { return p.Preprocess }},
		{"inference", func(p PictureTiming) time.Duration { return p.Inference }},
		{"postprocess", func(p PictureTiming) time.Duration { return p.Postprocess }},
		{"detect", func(p PictureTiming) time.Duration { return p.Inference + p.Postprocess }},
	} {
		all := make([]time.Duration, len(t))
		var sum time.Duration
		for i, p := range t {
			all[i] = s.of(p)
			sum += all[i]
		}
		slices.Sort(all)
		at := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1] } // nearest rank
		stages = append(stages, StageTiming{s.name, sum / time.Duration(len(all)), at(50), at(90), at(99), all[len(all)-1]})
	}
	return stages
}
