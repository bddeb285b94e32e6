package track

import (
	"encoding/json"
	"fmt"
	"strings"

	"scalenet/geom"
)

// Counter counts tracks that cross lines, and those in zones. It is not safe for concurrent use.
//
// Lines and zones are those of supervision's LineZone and PolygonZone with their defaults, with two exceptions. LineZone forgets on which side a track was
// when two frames do not have it; a Counter remembers that as long as a Tracker keeps the track. PolygonZone rounds to whole pixels; a Counter does not.
type Counter struct {
	lines  []Line
	zones  []Zone
	memory int // frames
	frame  int
	tracks map[int]*crossing // by id
	counts Counts
	seen   []map[int]bool // by zone: ids
}

// crossing is what is known of a track.
type crossing struct {
	seen int    // frame
	side []side // by line
}

// side of a line on which a track is.
type side uint8

const (
	unknown side = iota
	left
	right
)

// NewCounter returns a counter. memory is the number of frames after which a track that was not seen is forgotten, as Config.Buffer.
func NewCounter(lines []Line, zones []Zone, memory int) *Counter {
	c := &Counter{lines: lines, zones: zones, memory: memory, tracks: map[int]*crossing{}}
	for _, l := range lines {
		c.counts = append(c.counts, Count{Name: l.Name})
	}
	for _, z := range zones {
		c.counts = append(c.counts, Count{Name: z.Name, Zone: true})
		c.seen = append(c.seen, map[int]bool{})
	}
	return c
}

// Update adds the next frame: the boxes and track ids of its objects. Objects with id 0 are not counted.
func (c *Counter) Update(boxes []geom.Box, ids []int) {
	c.frame++
	for k := range c.zones {
		c.counts[len(c.lines)+k].Inside = 0
	}
	for i, id := range ids {
		if id == 0 {
			continue
		}
		for k, l := range c.lines {
			c.cross(l.side(boxes[i]), k, id)
		}
		for k, z := range c.zones {
			if !z.contains(boxes[i]) {
				continue
			}
			n := &c.counts[len(c.lines)+k]
			if n.Inside++; !c.seen[k][id] {
				c.seen[k][id] = true
				n.Seen++
			}
		}
		if t := c.tracks[id]; t != nil {
			t.seen = c.frame
		}
	}
	for id, t := range c.tracks {
		if c.frame-t.seen > c.memory {
			delete(c.tracks, id)
		}
	}
}

// cross counts a track that is on another side of line k than before.
func (c *Counter) cross(at side, k, id int) {
	if at == unknown { // on the line, or beyond its ends
		return
	}
	t := c.tracks[id]
	if t == nil {
		t = &crossing{side: make([]side, len(c.lines))}
		c.tracks[id] = t
	}
	before := t.side[k]
	t.side[k] = at
	switch {
	case before == unknown || before == at:
	case at == left:
		c.counts[k].In++
	default:
		c.counts[k].Out++
	}
}

// Counts returns the counts so far: of the lines, then of the zones.
func (c *Counter) Counts() Counts { return append(Counts(nil), c.counts...) }

// Counts are the counts of lines and zones.
type Counts []Count

// Count is the count of a line or a zone.
type Count struct {
	Name    string
	Zone    bool
	In, Out int // of a line: crossings to its left and to its right, seen from its start to its end
	Inside  int // of a zone: tracks in the last frame
	Seen    int // of a zone: different tracks in all frames
}

// String is such as "gate: 3 in, 1 out; yard: 2 inside, 5 seen".
func (c Counts) String() string {
	var parts []string
	for _, n := range c {
		if n.Zone {
			parts = append(parts, fmt.Sprintf("%s: %d inside, %d seen", n.Name, n.Inside, n.Seen))
		} else {
			parts = append(parts, fmt.Sprintf("%s: %d in, %d out", n.Name, n.In, n.Out))
		}
	}
	return strings.Join(parts, "; ")
}

// MarshalJSON writes {"line": NAME, "in", "out"} or {"zone": NAME, "inside", "seen"}.
func (n Count) MarshalJSON() ([]byte, error) {
	if n.Zone {
		return json.Marshal(struct {
			Zone   string `json:"zone"`
			Inside int    `json:"inside"`
			Seen   int    `json:"seen"`
		}{n.Name, n.Inside, n.Seen})
	}
	return json.Marshal(struct {
		Line string `json:"line"`
		In   int    `json:"in"`
		Out  int    `json:"out"`
	}{n.Name, n.In, n.Out})
}
