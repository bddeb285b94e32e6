package coco

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
)

// Digest returns the hexadecimal SHA-256 of the lists of images, boxes and
// classes, in their order. It does not depend on the location of the data set, on
// ids or on the content of the image files.
func (d *Dataset) Digest() string {
	h := sha256.New()
	for _, c := range d.Categories {
		fmt.Fprintf(h, "class %q\n", c.Name)
	}
	for i, image := range d.Images {
		fmt.Fprintf(h, "image %q %d %d\n", image.FileName, image.Width, image.Height)
		for _, k := range d.Objects(i) {
			d.Annotations[k].digest(h)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (a *Annotation) digest(h hash.Hash) {
	row := make([]byte, 0, 6*8)
	row = binary.LittleEndian.AppendUint64(row, uint64(a.Class))
	for _, v := range a.Box {
		row = binary.LittleEndian.AppendUint64(row, math.Float64bits(v))
	}
	var ignored uint64
	if a.Ignored() {
		ignored = 1
	}
	h.Write(binary.LittleEndian.AppendUint64(row, ignored))
}
