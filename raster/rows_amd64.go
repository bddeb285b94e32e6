package raster

// The loops over rows in assembly (rows_amd64.s, instructions that every x86-64 has). They give the bits of the plain ones.

// row is [tables.rowPlainly].
func (t *tables) row(dst []float32, bgr []uint8) {
	if n := min(len(bgr), len(dst)) / 3; n > 0 {
		lookUpPixels(&dst[0], &bgr[0], t, n)
	}
}

// resizeRow is [resizeRowPlainly].
func resizeRow(dst, source []float32, columns []lerp) {
	_ = dst[3*len(columns)]
	lerpPixels(&dst[0], &source[0], &columns[0], len(columns))
}

// blend is [blendPlainly].
func blend(dst, lo, hi []float32, weight float32) {
	if n := len(dst); n > 0 {
		lo, hi = lo[:n], hi[:n]
		lerpRows(&dst[0], &lo[0], &hi[0], weight, n)
	}
}

// lookUpPixels writes n pixels of RGB: the tables' values of the bytes of n pixels of BGR.
//
//go:noescape
func lookUpPixels(dst *float32, bgr *uint8, t *tables, n int)

// lerpPixels writes n pixels: (1-weight) times source's pixel lo plus weight times its pixel hi. It reads and writes one value behind each pixel.
//
//go:noescape
func lerpPixels(dst, source *float32, columns *lerp, n int)

// lerpRows writes n values: (1-weight)*lo + weight*hi.
//
//go:noescape
func lerpRows(dst, lo, hi *float32, weight float32, n int)
