package tile

import (
	"fmt"

	"scalenet/internal/spelling"
)

// Options say how a picture is cut into tiles and how the boxes found in them are merged. The zero value means no tiles.
type Options struct {
	Side    int     // width and height of a tile in pixels; 0 means no tiles
	Overlap float64 // fraction of Side that neighbouring tiles share
	Merge   Merge
}

// The limits of Options.
const (
	MinSide    = 32
	MaxSide    = 8192
	MaxOverlap = 0.9 // beyond it, a picture has hundreds of times its pixels in tiles
)

// DefaultOverlap is sahi's default of Options.Overlap.
const DefaultOverlap = 0.2

// Method is the way in which overlapping boxes of a class become one.
type Method string

const (
	// NMS keeps the box of the highest score.
	NMS Method = "nms"
	// GreedyNMM keeps the box of the highest score, extended to enclose the boxes that match it.
	GreedyNMM Method = "greedy-nmm"
)

// Metric is the overlap of two boxes.
type Metric string

const (
	// IoU is the intersection divided by the union.
	IoU Metric = "iou"
	// IoS is the intersection divided by the smaller box's area. It also matches a part of an object, which a tile has cut, with the whole object.
	IoS Metric = "ios"
)

// Merge configures the merging of boxes. Boxes of different classes are never merged.
type Merge struct {
	Method    Method
	Metric    Metric
	Threshold float64 // boxes match if their overlap is at least this
}

// Methods and Metrics return the valid names.
func Methods() []string { return []string{string(NMS), string(GreedyNMM)} }
func Metrics() []string { return []string{string(IoU), string(IoS)} }

// DefaultMerge is the merging where none is given. docs/tiling.md has the measurements behind it.
func DefaultMerge() Merge { return Merge{NMS, IoS, 0.5} }

// Check returns an error that names the option and its value.
func (o Options) Check() error {
	if o.Side < MinSide || o.Side > MaxSide {
		return fmt.Errorf("tile %d: want %d to %d pixels", o.Side, MinSide, MaxSide)
	}
	if !(o.Overlap >= 0 && o.Overlap <= MaxOverlap) {
		return fmt.Errorf("overlap %v: want a number from 0 to %v", o.Overlap, MaxOverlap)
	}
	return o.Merge.Check()
}

// Check returns an error that names the option and its value.
func (m Merge) Check() error {
	if m.Method != NMS && m.Method != GreedyNMM {
		return fmt.Errorf("merge %q: want %s", m.Method, spelling.Alternatives(Methods()))
	}
	if m.Metric != IoU && m.Metric != IoS {
		return fmt.Errorf("merge-metric %q: want %s", m.Metric, spelling.Alternatives(Metrics()))
	}
	if !(m.Threshold > 0 && m.Threshold <= 1) {
		return fmt.Errorf("merge-threshold %v: want a number above 0, at most 1", m.Threshold)
	}
	return nil
}
