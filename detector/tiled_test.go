package detector

import (
	"context"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
	"scalenet/tile"
)

func pictureOf(w, h int) *imaging.Image {
	return noise(rand.New(rand.NewPCG(uint64(w), uint64(h))), w, h)
}

// TestTiled compares with detections in each tile and in the whole picture, merged.
func TestTiled(t *testing.T) {
	m := newModel(t, smallConfig())
	settings := m.Settings()
	settings.Detections.Score = 0
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(m, dev, Options{})
		defer d.Close()
		for _, c := range []struct {
			name string
			w, h int
			o    tile.Options
			runs int
		}{
			{"smaller than a tile", 40, 50, tile.Options{Side: 64, Overlap: 0.2}, 1},
			{"one pixel", 1, 1, tile.Options{Side: 64, Overlap: 0.2}, 1},
			{"a row of tiles", 150, 50, tile.Options{Side: 64, Overlap: 0.2}, 4},
			{"without overlap", 128, 128, tile.Options{Side: 64}, 5},
			{"large overlap", 80, 64, tile.Options{Side: 64, Overlap: 0.9}, 5},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.o.Merge = tile.DefaultMerge()
				picture := pictureOf(c.w, c.h)
				queries, places := TileQueries(picture, settings, c.o)
				require.Len(t, queries, c.runs)
				var all TiledDetections
				for i, q := range queries {
					found, _, err := d.DetectEach(q)
					require.NoError(t, err)
					all.Add(found[0], geom.Size{W: q.Image.W, H: q.Image.H}, places[i])
				}
				want := all.Merged(c.o.Merge)
				if c.runs == 1 {
					found, _, err := d.DetectEach(queries...)
					require.NoError(t, err)
					want = found[0]
				}
				for _, batch := range []int{0, 1, 3} {
					run, err := d.StartTiled(t.Context(), picture.Strips(), settings, c.o, batch)
					require.NoError(t, err)
					require.LessOrEqual(t, d.pending.Len(), maxPending+1)
					got, timing, err := run.Wait()
					require.NoError(t, err)
					require.Equal(t, c.runs, run.Runs())
					require.Positive(t, timing.Inference)
					near(t, want, got)
				}
			})
		}
	})
}

// near compares detections. Those of a batch differ in the last bits.
func near(t *testing.T, want, got []roi.Detection) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Class, got[i].Class)
		require.InDelta(t, want[i].Score, got[i].Score, 1e-4)
		require.InDelta(t, want[i].Box.X1, got[i].Box.X1, 1e-2)
		require.InDelta(t, want[i].Box.Y2, got[i].Box.Y2, 1e-2)
	}
}

func TestTiledErrors(t *testing.T) {
	m := newModel(t, smallConfig())
	d := NewDetector(m, newCPU(t), Options{})
	defer d.Close()
	_, err := d.StartTiled(t.Context(), pictureOf(9, 9).Strips(), m.Settings(), tile.Options{Side: 64, Overlap: 1, Merge: tile.DefaultMerge()}, 1)
	require.ErrorContains(t, err, "overlap 1")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err = d.StartTiled(stopped, pictureOf(200, 200).Strips(), m.Settings(), tile.Options{Side: 64, Merge: tile.DefaultMerge()}, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTiledDetectionsAdd(t *testing.T) {
	var a TiledDetections
	a.Add([]roi.Detection{{Box: geom.Box{X1: 1, Y1: 2, X2: 3, Y2: 5}, Class: 1, Score: 0.5}}, geom.Size{W: 10, H: 20}, image.Rect(100, 200, 120, 240))
	require.Equal(t, []roi.Detection{{Box: geom.Box{X1: 102, Y1: 204, X2: 106, Y2: 210}, Class: 1, Score: 0.5}}, a.Merged(tile.DefaultMerge()))
	require.Equal(t, []roi.Detection{}, (&TiledDetections{}).Merged(tile.DefaultMerge()))
}

// TestEvaluateTiled evaluates in tiles, stops, and resumes. Tiles of another size are another evaluation.
func TestEvaluateTiled(t *testing.T) {
	d, data := evaluator(t, nil), images(t)
	o := EvaluateOptions{Tiles: tile.Options{Side: 48, Overlap: 0.2, Merge: tile.DefaultMerge()}, TileBatch: 2, Partial: filepath.Join(t.TempDir(), "p")}
	whole, err := d.Evaluate(t.Context(), data, o)
	require.NoError(t, err)
	require.Len(t, whole.Timings, len(data.Images))
	o.Resume = true
	again, err := d.Evaluate(t.Context(), data, o)
	require.NoError(t, err)
	require.Empty(t, again.Timings)
	require.Equal(t, whole.Results, again.Results)
	o.Tiles.Side = 64
	_, err = d.Evaluate(t.Context(), data, o)
	require.ErrorContains(t, err, "with other settings")
	require.NoError(t, os.Remove(o.Partial))
	untiled, err := d.Evaluate(t.Context(), data, EvaluateOptions{})
	require.NoError(t, err)
	require.NotEqual(t, untiled.Results, whole.Results)
}
