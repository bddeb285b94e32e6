package detector

import (
	"slices"
	"time"
)

// ImageTiming is the time of one image of an evaluation by phase. Decode and Preprocess run on other goroutines, concurrently with the inference
// of earlier images.
type ImageTiming struct {
	Decode      time.Duration // read and decode the file
	Preprocess  time.Duration // resize, normalise, pad
	Inference   time.Duration // the network; on a GPU including post-processing
	Postprocess time.Duration // score threshold, box decoding, NMS, top k
}

// Timings has one entry per image, in the order of evaluation.
type Timings []ImageTiming

// StageTiming summarises the time of one phase over all images.
type StageTiming struct {
	Stage         string
	Mean          time.Duration
	P50, P90, P99 time.Duration // percentiles over images
	Longest       time.Duration
}

// Stages returns one row per phase, and a last row "detect" for inference and post-processing together. It returns nil if t is empty.
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
