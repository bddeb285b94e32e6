// Package shard divides a list of images among processes that do not know each other, such as those of a Slurm array or of an Indexed
// Job of Kubernetes, and checks that the parts that they write make a whole.
package shard

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is one of Of contiguous parts of a list. The zero value is the whole list.
type Shard struct{ Index, Of int }

// most is the largest number of parts.
const most = 100_000

// Parse parses "I/N": part I of N, counted from 0.
func Parse(text string) (s Shard, err error) {
	index, of, ok := strings.Cut(text, "/")
	if ok {
		if s.Index, err = strconv.Atoi(index); err == nil {
			s.Of, err = strconv.Atoi(of)
		}
	}
	switch {
	case !ok || err != nil:
		return Shard{}, fmt.Errorf("want I/N, such as 0/4 for the first of 4 parts")
	case s.Of < 1 || s.Of > most:
		return Shard{}, fmt.Errorf("%d parts: want 1 to %d", s.Of, most)
	case s.Index < 0 || s.Index >= s.Of:
		return Shard{}, fmt.Errorf("there is no part %d: the %d parts are counted from 0 to %d", s.Index, s.Of, s.Of-1)
	}
	return s, nil
}

// String returns what Parse parses, "" for the zero value.
func (s Shard) String() string {
	if s.Of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Of)
}

// Range returns the part of a list of n: from first up to but without end. The lengths of parts differ by at most 1.
func (s Shard) Range(n int) (first, end int) {
	if s.Of == 0 {
		return 0, n
	}
	// Without the product n*Of, which could overflow.
	at := func(i int) int { return n/s.Of*i + min(i, n%s.Of) }
	return at(s.Index), at(s.Index + 1)
}
