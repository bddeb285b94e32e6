package engine

import (
	"math"

	"scalenet/nn"
)

// Tap is a source index and its weight in a target of resizing.
type Tap struct {
	Index  int
	Weight float32
}

// Taps lists, for each of `out` targets along an axis, the sources among `in`
// that resizing takes it from.
func Taps(in, out int, mode nn.ResizeMode) [][]Tap {
	t := make([][]Tap, out)
	for i := range t {
		if mode == nn.Nearest {
			t[i] = []Tap{{i * in / out, 1}}
			continue
		}
		// Half-pixel centres; beyond the first and last centre the edge repeats.
		at := max((float64(i)+0.5)*float64(in)/float64(out)-0.5, 0)
		low := min(int(math.Floor(at)), in-1)
		high := min(low+1, in-1)
		share := float32(at - float64(low))
		t[i] = []Tap{{low, 1 - share}, {high, share}}
	}
	return t
}

// Transpose gives the targets that each of `in` sources goes to: the taps of the
// gradient.
func Transpose(t [][]Tap, in int) [][]Tap {
	back := make([][]Tap, in)
	for i, list := range t {
		for _, s := range list {
			if s.Weight != 0 {
				back[s.Index] = append(back[s.Index], Tap{i, s.Weight})
			}
		}
	}
	return back
}
