package track

import (
	"compress/gzip"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(z).Decode(into))
}

func box(v []float64) geom.Box {
	return geom.Box{X1: float32(v[0]), Y1: float32(v[1]), X2: float32(v[2]), Y2: float32(v[3])}
}

func TestEqualsSupervision(t *testing.T) {
	var sequences []struct {
		Name   string
		Config struct {
			High, Match float64
			Buffer      int
		}
		Frames [][][]float64 // x1, y1, x2, y2, score
		Tracks [][][]float64 // id, detection, x1, y1, x2, y2
	}
	readGolden(t, "bytetrack.json.gz", &sequences)
	require.NotEmpty(t, sequences)
	for _, s := range sequences {
		c := Default()
		c.High, c.Match, c.Buffer, c.New = s.Config.High, s.Config.Match, s.Config.Buffer, s.Config.High+0.1
		tracker, given := New(c), 0
		ours, theirs := map[int]int{}, map[int]int{} // ids: supervision begins several tracks of a frame in the order of a Python set
		for k, frame := range s.Frames {
			var found []Detection
			for _, d := range frame {
				found = append(found, Detection{box(d), float32(d[4])})
			}
			ids := tracker.Update(found)
			require.Len(t, ids, len(found))
			want := make([]int, len(found))
			for _, x := range s.Tracks[k] {
				id, i := int(x[0]), int(x[1])
				if ours[id] == 0 && theirs[ids[i]] == 0 {
					ours[id], theirs[ids[i]] = ids[i], id
				}
				want[i] = ours[id]
			}
			require.Equal(t, want, ids, "%s, frame %d", s.Name, k)
			tracks := tracker.Tracks()
			slices.SortFunc(tracks, func(a, b Track) int { return theirs[a.ID] - theirs[b.ID] })
			slices.SortFunc(s.Tracks[k], func(a, b []float64) int { return int(a[0] - b[0]) })
			require.Len(t, tracks, len(s.Tracks[k]))
			for i, x := range s.Tracks[k] {
				require.Equal(t, ours[int(x[0])], tracks[i].ID)
				for j, v := range []float32{tracks[i].Box.X1, tracks[i].Box.Y1, tracks[i].Box.X2, tracks[i].Box.Y2} {
					require.InDelta(t, x[2+j], v, 0.02, "%s, frame %d, track %v", s.Name, k, x)
				}
				given++
			}
		}
		t.Logf("%s: %d frames, %d boxes with a track", s.Name, len(s.Frames), given)
	}
}

func TestAssign(t *testing.T) {
	var golden struct {
		Assignments []struct {
			Cost [][]float64
			Sum  float64
		}
	}
	readGolden(t, "zones.json.gz", &golden)
	require.Len(t, golden.Assignments, 30)
	for _, g := range golden.Assignments {
		sum, used, n := 0.0, map[int]bool{}, 0
		for i, j := range assign(g.Cost) {
			if j >= 0 {
				require.False(t, used[j])
				used[j] = true
				sum += g.Cost[i][j]
				n++
			}
		}
		require.Equal(t, min(len(g.Cost), len(g.Cost[0])), n)
		require.InDelta(t, g.Sum, sum, 1e-12)
	}
	assert.Empty(t, assign(nil))
}

func TestUpdateEdges(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	one := geom.Box{X1: 10, Y1: 10, X2: 50, Y2: 90}
	tracker := New(Default())
	assert.Empty(t, tracker.Update(nil))
	assert.Equal(t, []int{0}, tracker.Update([]Detection{{one, 0.9}}), "a track is confirmed by its second frame")
	assert.Equal(t, []int{1}, tracker.Update([]Detection{{one, 0.9}}))
	assert.Equal(t, []int{0, 0, 0, 1, 0}, tracker.Update([]Detection{
		{geom.Box{X1: 5, Y1: 5, X2: 5, Y2: 9}, 0.9}, {geom.Box{X1: nan, X2: 3, Y2: 3}, 0.9}, {geom.Box{X2: inf, Y2: 4}, 0.9}, {one, 0.2}, {one, 0.05},
	}), "no area, not finite, a low score, too low a score")
	assert.Equal(t, []int{1}, tracker.Update([]Detection{{one, 0.5}}), "a score of exactly High takes part in the second association")

	tracker = New(Default())
	assert.Equal(t, []int{1, 2}, tracker.Update([]Detection{{one, 0.9}, {geom.Box{X1: 200, Y1: 10, X2: 240, Y2: 90}, 0.6}}), "the first frame confirms")
}

// A track is found again after Buffer frames, not later.
func TestBuffer(t *testing.T) {
	one := []Detection{{geom.Box{X1: 10, Y1: 10, X2: 50, Y2: 90}, 0.9}}
	for _, c := range []struct{ away, id int }{{0, 1}, {5, 1}, {6, 1}, {7, 2}, {20, 2}} {
		config := Default()
		config.Buffer = 5
		tracker := New(config)
		tracker.Update(one)
		tracker.Update(one)
		for range c.away {
			tracker.Update(nil)
		}
		tracker.Update(one)
		assert.Equal(t, []int{c.id}, tracker.Update(one), "%d frames away", c.away)
		assert.LessOrEqual(t, len(tracker.lost), 1)
	}
}

func TestConfig(t *testing.T) {
	require.NoError(t, Default().Validate())
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.High = 1.5 }, "track.high = 1.5: must be in [0, 1]"},
		{func(c *Config) { c.Low = 0.7 }, "track.low = 0.7: must be in [0, high]"},
		{func(c *Config) { c.Match = 0 }, "track.match = 0: must be in (0, 1]"},
		{func(c *Config) { c.Buffer = -1 }, "track.buffer = -1: must be from 0 to 1000000"},
	} {
		config := Default()
		c.change(&config)
		assert.EqualError(t, config.Validate(), c.want)
	}
	assert.Equal(t, 30, Default().At(30).Buffer)
	assert.Equal(t, 60, Default().At(60).Buffer)
	assert.Equal(t, 1, Default().At(0.5).Buffer)
	assert.Equal(t, 30, Default().At(math.NaN()).Buffer)
}

// What is kept does not grow with the number of frames.
func TestMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tracker, counter := New(Default()), NewCounter([]Line{{"a", Point{0, 50}, Point{100, 50}}}, nil, 30)
	for range 2000 {
		var found []Detection
		var boxes []geom.Box
		for range 10 {
			x, y := random.Float32()*1000, random.Float32()*1000
			found = append(found, Detection{geom.Box{X1: x, Y1: y, X2: x + 20, Y2: y + 20}, random.Float32()})
			boxes = append(boxes, found[len(found)-1].Box)
		}
		counter.Update(boxes, tracker.Update(found))
	}
	assert.Less(t, len(tracker.lost)+len(tracker.tracked)+len(counter.tracks), 500)
}

func BenchmarkUpdate(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	var found []Detection
	for range 100 {
		x, y := random.Float32()*1000, random.Float32()*1000
		found = append(found, Detection{geom.Box{X1: x, Y1: y, X2: x + 50, Y2: y + 50}, 0.5 + random.Float32()/2})
	}
	tracker := New(Default())
	for b.Loop() {
		tracker.Update(found)
	}
}
