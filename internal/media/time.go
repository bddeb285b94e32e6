package media

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a time in a video: seconds such as 90 or 1.5, or mm:ss, or hh:mm:ss.
func ParseTime(text string) (time.Duration, error) {
	wrong := errors.New("want a time such as 90, 1.5, 1:30 or 1:02:30")
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, wrong
	}
	whole := 0 // minutes
	for i, part := range parts[:len(parts)-1] {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || i > 0 && n > 59 {
			return 0, wrong
		}
		whole = 60*whole + int(n)
	}
	seconds, err := strconv.ParseFloat(parts[len(parts)-1], 64)
	const day = 24 * 60 * 60
	if err != nil || !(seconds >= 0) || len(parts) > 1 && seconds >= 60 || seconds+60*float64(whole) > 100*day {
		return 0, wrong
	}
	return time.Duration(whole)*time.Minute + time.Duration(seconds*float64(time.Second)), nil
}
