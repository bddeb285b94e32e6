package video

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Info is what the header of a video says. Fields that it does not say are 0.
type Info struct {
	Rate     float64 // frames per second, on average
	Duration time.Duration
}

// Frames returns the number of frames that Open will give for the input, about; 0 if it is unknown.
func (i Info) Frames(in Input) int {
	until := i.Duration
	if in.To > 0 {
		until = min(until, in.To)
	}
	return int(math.Ceil(math.Round(max(0, until-in.From).Seconds()*i.Rate) / float64(max(1, in.Stride))))
}

// Probe reads the header of a video.
func Probe(ctx context.Context, in Input) (Info, error) {
	args := append(logging("error"), in.source()...)
	args = append(args, "-select_streams", "V:0", "-show_entries", "stream=avg_frame_rate,duration:format=duration", "-of", "json", in.path())
	c := command(ctx, "ffprobe", args...)
	var m messages
	stderr, err := c.StderrPipe()
	if err != nil {
		return Info{}, err
	}
	var out strings.Builder
	c.Stdout = &out
	if err := c.Start(); err != nil {
		return Info{}, err
	}
	m.read(stderr, nil)
	<-m.done
	if err := c.Wait(); err != nil {
		if ctx.Err() != nil {
			return Info{}, ctx.Err()
		}
		return Info{}, in.readable(m.failed(err))
	}
	var said struct {
		Streams []struct {
			Rate     string `json:"avg_frame_rate"`
			Duration string `json:"duration"`
		} `json:"streams"`
		Format struct {
			Duration string `json:"duration"`
		} `json:"format"`
	}
	if err := json.Unmarshal([]byte(out.String()), &said); err != nil {
		return Info{}, fmt.Errorf("ffprobe: %w", err)
	}
	if len(said.Streams) == 0 {
		return Info{}, errors.New("no video in it")
	}
	info := Info{Rate: fraction(said.Streams[0].Rate)}
	for _, text := range []string{said.Streams[0].Duration, said.Format.Duration} {
		if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && info.Duration == 0 {
			info.Duration = time.Duration(seconds * float64(time.Second))
		}
	}
	return info, nil
}

// fraction reads a frame rate such as 30000/1001, 0 if it is none.
func fraction(text string) float64 {
	a, b, _ := strings.Cut(text, "/")
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil || x <= 0 || y <= 0 {
		return 0
	}
	return x / y
}
