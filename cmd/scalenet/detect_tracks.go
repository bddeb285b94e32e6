package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"scalenet/internal/media"
	"scalenet/results"
	"scalenet/track"
)

// trackOptions are the flags of tracking in videos.
type trackOptions struct {
	on          bool
	lines       []string
	zones       []string
	parsedLines []track.Line
	parsedZones []track.Zone
}

func (o *trackOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.on, "track", false, "follow the objects of videos: each gets an id (ByteTrack)")
	f.StringArrayVar(&o.lines, "count-line", nil, "with --track: count objects that cross the line x1,y1,x2,y2 (repeatable; NAME=x1,... names it)")
	f.StringArrayVar(&o.zones, "count-zone", nil, "with --track: count objects in the polygon x1,y1,x2,y2,x3,y3,... (repeatable; NAME=x1,... names it)")
}

// parse reads the values of the flags.
func (o *trackOptions) parse() error {
	if !o.on && len(o.lines)+len(o.zones) > 0 {
		return errors.New("--count-line and --count-zone count tracks: give --track, too")
	}
	for _, text := range o.lines {
		line, err := track.ParseLine(text)
		if err != nil {
			return fmt.Errorf("--count-line %w", err)
		}
		o.parsedLines = append(o.parsedLines, line)
	}
	for _, text := range o.zones {
		zone, err := track.ParseZone(text)
		if err != nil {
			return fmt.Errorf("--count-zone %w", err)
		}
		o.parsedZones = append(o.parsedZones, zone)
	}
	return nil
}

// check returns an error if there is nothing to follow objects in.
func (o *trackOptions) check(list []media.Source) error {
	if o.on && !slices.ContainsFunc(list, media.Source.Stream) {
		return errors.New("--track follows objects from frame to frame: none of the sources is a video or a stream")
	}
	return nil
}

// tracks follows the objects of one source at a time.
type tracks struct {
	options *trackOptions
	config  track.Config
	of      int // source; -1 at the beginning
	tracker *track.Tracker
	counter *track.Counter
	ended   func(source int, counts track.Counts) // called at the end of each source
}

func newTracks(o *trackOptions, ended func(source int, counts track.Counts)) *tracks {
	return &tracks{options: o, config: track.Default(), of: -1, ended: ended}
}

// end ends the source, if there is one.
func (t *tracks) end() {
	if t.of >= 0 {
		t.ended(t.of, t.counter.Counts())
	}
	t.of = -1
}

// follow gives the objects of the next frame of a source their tracks, and returns the counts.
func (t *tracks) follow(im media.Image, objects []results.Object) track.Counts {
	if t.of != im.Source {
		t.end()
		c := t.config.At(im.Frame.Rate)
		t.of, t.tracker, t.counter = im.Source, track.New(c), track.NewCounter(t.options.parsedLines, t.options.parsedZones, c.Buffer)
	}
	results.Follow(t.tracker, objects)
	return results.Count(t.counter, objects)
}
