//go:build !amd64

package raster

func (t *tables) row(dst []float32, bgr []uint8)      { t.rowPlainly(dst, bgr) }
func resizeRow(dst, source []float32, columns []lerp) { resizeRowPlainly(dst, source, columns) }
func blend(dst, lo, hi []float32, weight float32)     { blendPlainly(dst, lo, hi, weight) }
