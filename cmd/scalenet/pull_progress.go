package main

import (
	"fmt"
	"io"
)

// transferred shows the progress of a download.
type transferred struct {
	to          io.Writer
	bar         *progress // nil before the first response
	done, total int64
}

// update reports the bytes that are in the file, of a total that is -1 if it is unknown.
func (t *transferred) update(done, total int64) {
	if t.bar == nil || done < t.done || total != t.total { // also one that starts again
		t.end()
		t.bar = newProgress(t.to, "MiB", int((total+1<<20-1)>>20))
		if total < 0 {
			t.bar.total = -1
		}
		t.bar.from(int(done >> 20))
	}
	t.done, t.total = done, total
	switch n := int(done >> 20); {
	case done == total:
		t.bar.done(t.bar.total)
	case n != t.bar.total:
		t.bar.done(n)
	}
}

// note prints a line.
func (t *transferred) note(text string) {
	t.end()
	fmt.Fprintln(t.to, text)
}

// end ends the line of a terminal if the file is not complete.
func (t *transferred) end() {
	if t.bar != nil && t.done != t.total {
		t.bar.end()
	}
}
