package detector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/imaging"
	"scalenet/roi"
)

// Pending runs give the same detections as separate runs: more of them than MaxPending, of several sizes, with one plan for all, and in any order
// of Wait. A run without a Wait is no error.
func TestPendingRuns(t *testing.T) {
	m := newModel(t, smallConfig())
	settings := m.Settings()
	settings.Detections.Score = 0
	random := rand.New(rand.NewPCG(7, 8))
	var queries []Query
	for _, size := range [][2]int{{64, 64}, {64, 64}, {90, 64}, {64, 100}, {64, 64}} {
		im := imaging.New(size[0], size[1])
		for i := range im.Pix {
			im.Pix[i] = uint8(random.Uint32())
		}
		queries = append(queries, Query{im, settings})
	}
	onDevices(t, func(t *testing.T, dev engine.Device) {
		d := NewDetector(m, dev, Options{Plans: 1})
		defer d.Close()
		var want [][]roi.Detection
		for _, q := range queries {
			found, _, err := d.DetectEach(q)
			require.NoError(t, err)
			require.NotEmpty(t, found[0])
			want = append(want, found[0])
		}
		for range 2 {
			var runs []*Run
			for _, q := range queries {
				r, err := d.Start(q)
				require.NoError(t, err)
				require.LessOrEqual(t, d.pending.Len(), maxPending+1)
				runs = append(runs, r)
			}
			for _, i := range []int{0, 4, 2, 3, 1} {
				found, timing, err := runs[i].Wait()
				require.NoError(t, err)
				require.Equal(t, [][]roi.Detection{want[i]}, found, "run %d", i)
				require.Positive(t, timing.Inference)
			}
		}
		all, _, err := d.DetectEach(queries...)
		require.NoError(t, err)
		require.Len(t, all, len(queries))
		for i, found := range all[2:4] { // the others are in batches with others
			require.Equal(t, want[2+i], found)
		}
		_, err = d.Start(queries...)
		require.NoError(t, err)
	})
}
