package train

import (
	"fmt"
	"strings"
	"time"

	"scalenet/internal/brief"
)

// Duration is a length of time in a configuration, such as 90s, 15m or 1h30m.
type Duration time.Duration

// UnmarshalText reads the format of [time.ParseDuration].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return fmt.Errorf("%s is not a length of time: want one such as 90s, 15m or 1h30m", brief.Text(string(text)))
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes the format that UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String returns the duration without units that are zero: 15m, not 15m0s.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Seconds returns the duration in seconds.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }
