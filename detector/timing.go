package detector

import (
	"slices"
	"time"
)

// ImageTiming is where the time of one image of an evaluation went. Decode
// and Preprocess happen on other goroutines while the image before is in the
// network.
type ImageTiming struct {
	Decode      time.Duration // read and decode the file
	Preprocess  time.Duration // resize, normalise, pad
	Inference   time.Duration // the network; on a GPU all that follows, too
	Postprocess time.Duration // detections
}

// Timings are those of images in their order.
type Timings []ImageTiming

// StageTiming sums up one stage over all images.
type StageTiming struct {
	Stage         string
	Mean          time.Duration
	P50, P90, P99 time.Duration // 50, 90, 99 % of the images took at most this
	Longest       time.Duration
}

// Stages sums up each stage, and the last row what the network's thread does of
// an image: inference and postprocessing. There is none for no images.
func (t Timings) Stages() []StageTiming {
	if len(t) == 0 {
		return nil
	}
	var stages []StageTiming
	for _, s := range []struct {
		name string
		of   func(ImageTiming) time.Duration
	}{
		{"decode", func(p ImageTiming) time.Duration { return p.Decode }},
		{"preprocess", func(p ImageTiming) time.Duration { return p.Preprocess }},
		{"inference", func(p ImageTiming) time.Duration { return p.Inference }},
		{"postprocess", func(p ImageTiming) time.Duration { return p.Postprocess }},
		{"detect", func(p ImageTiming) time.Duration { return p.Inference + p.Postprocess }},
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
