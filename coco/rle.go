package coco

import "fmt"

// runs are the run lengths of a mask in COCO's RLE: pixels down the columns, from the top left, that are outside and inside in
// turn, outside first.
type runs []uint32

// decompress appends the runs of COCO's compressed RLE: numbers of 5 bits per character, lowest first, from the fourth on as
// differences from the run two before.
func (r runs) decompress(text string) (runs, error) {
	first := len(r)
	for at := 0; at < len(text); {
		var v int64
		for shift := 0; ; shift += 5 {
			if at == len(text) {
				return r, fmt.Errorf("character %d: the text ends inside a number", at)
			}
			c := int64(text[at]) - '0'
			if c < 0 || c > 63 || shift > 30 {
				return r, fmt.Errorf("character %d: %.20q is not compressed RLE", at, text[at:])
			}
			at++
			v |= c & 31 << shift
			if c&32 == 0 {
				if c&16 != 0 {
					v |= -1 << (shift + 5)
				}
				break
			}
		}
		if n := len(r); n-first > 2 {
			v += int64(r[n-2])
		}
		if v < 0 || v > 1<<31 {
			return r, fmt.Errorf("character %d: a run of %d pixels", at, v)
		}
		r = append(r, uint32(v))
	}
	return r, nil
}

// box returns the bounding box of the pixels inside, in a mask of w x h pixels. A mask without pixels has a box of zeros.
func (r runs) box(w, h int64) (box [4]float64, err error) {
	if w < 0 || h < 0 || w > 1<<31 || h > 1<<31 {
		return box, fmt.Errorf("size: [%d, %d] is not a height and width", h, w)
	}
	var e extent
	at := int64(0)
	for i, n := range r {
		from := at
		if at += int64(n); at > w*h {
			return box, fmt.Errorf("counts[%d]: the runs have more than %d x %d pixels", i, w, h)
		}
		if i%2 == 0 || n == 0 {
			continue
		}
		last := at - 1
		left, top, right, bottom := from/h, from%h, last/h, last%h
		if left < right { // over the edge of a column
			top, bottom = 0, h-1
		}
		e.add(float64(left), float64(top))
		e.add(float64(right+1), float64(bottom+1))
	}
	return e.box(), nil
}
