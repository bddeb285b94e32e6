package similar

import (
	"math/bits"
	"slices"
)

const (
	maxBits   = 10 // in which the hashes of candidates differ
	bands     = 4  // of a hash
	bandBits  = 64 / bands
	bandWords = 1 << bandBits
	bandMax   = maxBits / bands // two hashes that differ in maxBits differ in at most so many bits of one band
)

// index finds hashes that differ in at most maxBits.
type index struct {
	hashes []uint64
	bands  [bands]bandList
	masks  []uint16 // all words of at most bandMax bits
}

// bandList has the hashes sorted by the word in a band: those with the word w are from[w] to from[w+1].
type bandList struct {
	from   []int32
	order  []int32  // index of the hash
	hashes []uint64 // the hash itself, since looking it up would take most of the time
}

func newIndex(hashes []uint64) *index {
	x := &index{hashes: hashes}
	for mask := range bandWords {
		if bits.OnesCount(uint(mask)) <= bandMax {
			x.masks = append(x.masks, uint16(mask))
		}
	}
	for b := range x.bands {
		x.bands[b] = newBandList(hashes, b)
	}
	return x
}

func newBandList(hashes []uint64, b int) bandList {
	l := bandList{make([]int32, bandWords+1), make([]int32, len(hashes)), make([]uint64, len(hashes))}
	for _, h := range hashes {
		l.from[int(band(h, b))+1]++
	}
	for w := range bandWords {
		l.from[w+1] += l.from[w]
	}
	next := slices.Clone(l.from)
	for i, h := range hashes {
		at := next[band(h, b)]
		l.order[at], l.hashes[at] = int32(i), h
		next[band(h, b)]++
	}
	return l
}

func band(hash uint64, b int) uint16 { return uint16(hash >> (b * bandBits)) }

// near calls found once for each hash before hash i that differs from it in at most maxBits.
func (x *index) near(i int, found func(j int)) {
	h := x.hashes[i]
	for b := range x.bands {
		list := &x.bands[b]
		for _, mask := range x.masks {
			w := int(band(h, b) ^ mask)
			for k := list.from[w]; k < list.from[w+1] && int(list.order[k]) < i; k++ { // in the order of the hashes
				if difference := h ^ list.hashes[k]; bits.OnesCount64(difference) <= maxBits && firstBand(difference) == b {
					found(int(list.order[k]))
				}
			}
		}
	}
}

// firstBand returns the first band in which two hashes are near.
func firstBand(difference uint64) int {
	for b := range bands {
		if bits.OnesCount16(band(difference, b)) <= bandMax {
			return b
		}
	}
	return bands
}
