package coco

import "math"

// descending maps a finite score to a key whose ascending order is descending score. -0 and 0 have the same key.
func descending(score float64) uint64 {
	b := math.Float64bits(score + 0)
	if b>>63 != 0 {
		return b
	}
	return ^b &^ (1 << 63)
}

// sort sorts the rows by key. It is a stable radix sort with 11 bits per pass. A pass in which all keys are equal is skipped after
// counting.
func (c *accumulator) sort() {
	const width, passes = 11, 6
	n := len(c.rows)
	if n < 2 {
		return
	}
	if cap(c.spare) < n {
		c.spare = make([]scored, n)
	}
	spare := c.spare[:n]
	var count [passes][1 << width]int32
	for _, r := range c.rows {
		for i := range passes {
			count[i][r.key>>(i*width)&(1<<width-1)]++
		}
	}
	for i := range passes {
		shift := i * width
		if count[i][c.rows[0].key>>shift&(1<<width-1)] == int32(n) {
			continue
		}
		sum := int32(0)
		for d, k := range count[i] {
			count[i][d] = sum
			sum += k
		}
		for _, r := range c.rows {
			d := r.key >> shift & (1<<width - 1)
			spare[count[i][d]] = r
			count[i][d]++
		}
		c.rows, spare = spare, c.rows
	}
	c.spare = spare
}
