package coco

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// TestMosaicsUntil: epochs that begin late in a run have no mosaics, whatever their number.
func TestMosaicsUntil(t *testing.T) {
	d := imageSet(t, repeated(geom.Size{W: 80, H: 60}, 8)...)
	cfg := training()
	cfg.Mosaic, cfg.MosaicUntil = 1, 0.8
	l := newLoader(t, d, cfg)
	mosaics := func(epoch int, done float64) (n int) {
		l.SetDone(done)
		require.NoError(t, l.Seek(epoch, 0))
		for _, b := range rest(t, l) {
			for _, s := range b.Samples {
				if s.Others != nil {
					n++
				}
			}
		}
		return n
	}
	require.Equal(t, 8, mosaics(0, 0))
	require.Equal(t, 8, mosaics(500, 0.79))
	require.Zero(t, mosaics(1, 0.8))
	require.Equal(t, 8, mosaics(1, 0.5), "the share decides")
}
