package track

import (
	"slices"

	"scalenet/geom"
)

// Detection is a detected object of a frame.
type Detection struct {
	Box   geom.Box // continuous, in pixels
	Score float32
}

// Track is an object that is followed.
type Track struct {
	ID    int      // from 1, in the order in which tracks began
	Box   geom.Box // the filter's, smoother than that of the detection
	Found int      // index of the detection in the frame
}

// Tracker is ByteTrack. It is not safe for concurrent use.
type Tracker struct {
	config        Config
	frame         int // the number of frames so far
	began         int // the number of tracks that ever began
	tracked, lost []*path
}

// path is a track, confirmed or not.
type path struct {
	id        int
	confirmed bool
	lost      bool
	gone      bool
	began     int // frame
	seen      int // frame of the last detection
	found     int // index of the last detection
	filter
}

// New returns a tracker. The settings must be valid.
func New(c Config) *Tracker { return &Tracker{config: c} }

// Update adds the next frame and returns the track id of each detection, 0 for none.
func (t *Tracker) Update(found []Detection) []int {
	t.frame++
	f := t.split(found)

	var unconfirmed, pool []*path
	for _, p := range t.tracked {
		if p.confirmed {
			pool = append(pool, p)
		} else {
			unconfirmed = append(unconfirmed, p)
		}
	}
	pool = append(pool, t.lost...)
	for _, p := range pool {
		p.predict(p.lost)
	}

	pool = t.associate(f, pool, &f.high, t.config.Match, true)
	pool = slices.DeleteFunc(pool, func(p *path) bool { return p.lost })
	var lost []*path
	for _, p := range t.associate(f, pool, &f.low, secondMatch, false) {
		p.lost = true
		lost = append(lost, p)
	}
	for _, p := range t.associate(f, unconfirmed, &f.high, unconfirmedMatch, true) {
		p.gone = true
	}
	t.update(t.begin(f), lost)

	ids := make([]int, len(found))
	for _, p := range t.tracked {
		if p.confirmed {
			ids[p.found] = p.id
		}
	}
	return ids
}

// Tracks returns the confirmed tracks that have a detection in the last frame.
func (t *Tracker) Tracks() (tracks []Track) {
	for _, p := range t.tracked {
		if p.confirmed {
			tracks = append(tracks, Track{p.id, p.rect().box(), p.found})
		}
	}
	return tracks
}

// candidates are the detections of a frame. high and low are the indices of those without a track.
type candidates struct {
	found     []Detection
	high, low []int
}

func (t *Tracker) split(found []Detection) *candidates {
	f := &candidates{found: found}
	for i, d := range found {
		score := float64(d.Score)
		switch {
		case !d.Box.Finite() || geom.Continuous.Area(d.Box) == 0:
		case score > t.config.High:
			f.high = append(f.high, i)
		case score > t.config.Low:
			f.low = append(f.low, i)
		}
	}
	return f
}

// associate assigns detections to paths, and removes them from among. It returns the paths without a detection.
func (t *Tracker) associate(f *candidates, paths []*path, among *[]int, limit float64, byScore bool) (left []*path) {
	if len(paths) == 0 || len(*among) == 0 {
		return paths
	}
	const above = 1e-4 // what a pair that must not be assigned costs more than the limit, as in the reference
	cost := make([][]float64, len(paths))
	for i, p := range paths {
		cost[i] = make([]float64, len(*among))
		at := p.rect()
		for j, k := range *among {
			similarity := iou(at, rectOf(f.found[k].Box))
			if byScore {
				similarity *= float64(f.found[k].Score)
			}
			if cost[i][j] = 1 - similarity; cost[i][j] > limit {
				cost[i][j] = limit + above
			}
		}
	}
	var rest []int
	taken := make([]bool, len(*among))
	for i, j := range assign(cost) {
		if j < 0 || cost[i][j] > limit {
			left = append(left, paths[i])
			continue
		}
		taken[j] = true
		k := (*among)[j]
		p := paths[i]
		p.update(measure(f.found[k].Box))
		p.confirmed, p.lost, p.seen, p.found = true, false, t.frame, k
	}
	for j, k := range *among {
		if !taken[j] {
			rest = append(rest, k)
		}
	}
	*among = rest
	return left
}

// begin begins tracks with the detections of a high score that have none. In the first frame they are confirmed.
func (t *Tracker) begin(f *candidates) (began []*path) {
	for _, k := range f.high {
		if float64(f.found[k].Score) < t.config.New {
			continue
		}
		t.began++
		began = append(began, &path{id: t.began, confirmed: t.frame == 1, began: t.frame, seen: t.frame, found: k, filter: newFilter(measure(f.found[k].Box))})
	}
	return began
}

// update moves tracks between the lists of those that have a detection in this frame and those that are lost.
func (t *Tracker) update(began, lost []*path) {
	tracked := slices.DeleteFunc(t.tracked, func(p *path) bool { return p.lost || p.gone })
	tracked = append(tracked, began...)
	for _, p := range t.lost {
		if !p.lost { // found again
			tracked = append(tracked, p)
		}
	}
	kept := slices.DeleteFunc(t.lost, func(p *path) bool { return !p.lost })
	kept = append(kept, lost...)
	// The reference marks a track as removed after Buffer frames, but it leaves the list of lost tracks one frame later.
	kept = slices.DeleteFunc(kept, func(p *path) bool { return t.frame-p.seen > t.config.Buffer+1 })
	t.tracked, t.lost = unique(tracked, kept)
}

// unique removes from pairs of a tracked and a lost path of the same object the one that is known for a shorter time.
func unique(tracked, lost []*path) (a, b []*path) {
	for _, p := range tracked {
		for _, q := range lost {
			if 1-iou(p.rect(), q.rect()) < duplicate {
				if p.seen-p.began > q.seen-q.began {
					q.gone = true
				} else {
					p.gone = true
				}
			}
		}
	}
	gone := func(p *path) bool { return p.gone }
	return slices.DeleteFunc(tracked, gone), slices.DeleteFunc(lost, gone)
}
