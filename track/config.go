package track

import "scalenet/internal/config"

// Config has the thresholds of a Tracker.
type Config struct {
	// High: detections of a higher score take part in the first association (the paper's tau, track_thresh), all others above Low in the second.
	High float64 `option:"high" validate:"gte=0,lte=1"`
	// Low: detections of a lower score are ignored.
	Low float64 `option:"low" validate:"gte=0,ltefield=High"`
	// New is the lowest score that begins a track.
	New float64 `option:"new" validate:"gte=0,lte=1"`
	// Match is the highest cost of the first association, 1 - IoU * score (match_thresh).
	Match float64 `option:"match" validate:"gt=0,lte=1"`
	// Buffer is the number of frames for which a lost track can be found again (track_buffer).
	Buffer int `option:"buffer" validate:"gte=0,lte=1000000"`
}

// Highest costs of the second association, 1 - IoU, and of that of tracks that are not confirmed, 1 - IoU * score, as in the reference.
const (
	secondMatch      = 0.5
	unconfirmedMatch = 0.7
	duplicate        = 0.15 // 1 - IoU of a track and a lost one that are the same object
)

// Default returns the settings of the reference for 30 frames per second.
func Default() Config { return Config{High: 0.5, Low: 0.1, New: 0.6, Match: 0.8, Buffer: 30} }

// At returns the settings for another number of frames per second: lost tracks are kept for the same time, but at least one frame.
func (c Config) At(framesPerSecond float64) Config {
	if frames := framesPerSecond / 30 * float64(c.Buffer); c.Buffer > 0 && frames > 0 && frames < 1e6 {
		c.Buffer = max(1, int(frames))
	}
	return c
}

// Validate checks all ranges. The error names the setting and its value.
func (c Config) Validate() error { return config.Validate(c, "track") }
