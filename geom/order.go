package geom

import "math"

// TopK returns the indices of the min(k, len(scores)) highest scores, highest first. Equal scores are in index order, NaN comes last.
func TopK(scores []float32, k int) []int {
	keys := make([]uint64, len(scores))
	for i, s := range scores {
		keys[i] = uint64(descendingKey(s))<<32 | uint64(uint32(i))
	}
	keys = sortHigh(keys)
	order := make([]int, max(0, min(k, len(keys))))
	for i := range order {
		order[i] = int(uint32(keys[i]))
	}
	return order
}

// descendingKey maps a float to an integer so that a higher float has a lower integer. -0 equals 0, and NaN has the highest integer.
func descendingKey(v float32) uint32 {
	if v != v {
		return math.MaxUint32
	}
	if v == 0 {
		v = 0 // -0
	}
	bits := math.Float32bits(v)
	if bits>>31 == 0 {
		return ^bits &^ (1 << 31)
	}
	return bits
}

// sortHigh sorts keys by their upper 32 bits with a stable radix sort. It overwrites keys and returns the sorted slice.
func sortHigh(keys []uint64) []uint64 {
	var counts [4][256]int32
	for _, k := range keys {
		counts[0][k>>32&255]++
		counts[1][k>>40&255]++
		counts[2][k>>48&255]++
		counts[3][k>>56]++
	}
	spare := make([]uint64, len(keys))
	for pass := range counts {
		count, shift := &counts[pass], 32+8*pass
		var position int32
		for digit, n := range count {
			count[digit] = position
			position += n
		}
		for _, k := range keys {
			digit := k >> shift & 255
			spare[count[digit]] = k
			count[digit]++
		}
		keys, spare = spare, keys
	}
	return keys
}
