package tile

import (
	"image"

	"scalenet/geom"
)

// Slices returns the tiles of a picture row by row, each row from left to right: those of sahi's get_slice_bboxes. Tiles at the right and lower
// border are moved inwards, so that they keep their size and overlap more. A picture that is smaller than a tile has one tile of its own size in that direction.
func (o Options) Slices(picture geom.Size) []image.Rectangle {
	var tiles []image.Rectangle
	columns := o.spans(picture.W)
	for _, y := range o.spans(picture.H) {
		for _, x := range columns {
			tiles = append(tiles, image.Rect(x[0], y[0], x[1], y[1]))
		}
	}
	return tiles
}

// Count returns the number of tiles of a picture without listing them.
func (o Options) Count(picture geom.Size) int { return o.along(picture.W) * o.along(picture.H) }

// Runs returns the number of network inputs of a picture: its tiles and, unless it is a single tile, the whole picture.
func (o Options) Runs(picture geom.Size) int {
	n := o.Count(picture)
	if n > 1 {
		n++
	}
	return n
}

// shared returns the number of pixels that neighbouring tiles share.
func (o Options) shared() int { return int(o.Overlap * float64(o.Side)) }

// along returns the number of tiles along a side of the picture.
func (o Options) along(side int) int {
	step := o.Side - o.shared()
	return max(0, side-o.Side+step-1)/step + 1
}

// spans returns the beginning and the end of each tile along a side of the picture.
func (o Options) spans(side int) (spans [][2]int) {
	for i := range o.along(side) {
		from := min(i*(o.Side-o.shared()), max(0, side-o.Side))
		spans = append(spans, [2]int{from, min(from+o.Side, side)})
	}
	return spans
}
