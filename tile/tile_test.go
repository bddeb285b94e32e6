package tile

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// golden has the values of testdata/sahi.py. A row of boxes is x1, y1, x2, y2, score, class.
type golden struct {
	Slices []struct {
		W, H, Side int
		Overlap    float64
		Slices     [][4]int
	}
	Problems []struct {
		Threshold float64
		Boxes     [][6]float64
		Merged    []struct {
			Method Method
			Metric Metric
			Boxes  [][6]float64
		}
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	f, err := os.Open("testdata/sahi.json.gz")
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(r).Decode(&g))
	require.NotEmpty(t, g.Slices)
	require.NotEmpty(t, g.Problems)
	return g
}

func TestSlicesEqualSahi(t *testing.T) {
	for _, c := range readGolden(t).Slices {
		o, picture := Options{Side: c.Side, Overlap: c.Overlap}, geom.Size{W: c.W, H: c.H}
		var want []image.Rectangle
		for _, s := range c.Slices {
			want = append(want, image.Rect(s[0], s[1], s[2], s[3]))
		}
		require.Equal(t, want, o.Slices(picture), "%+v of %v", o, picture)
		require.Equal(t, len(want), o.Count(picture))
	}
}

func TestMergedEqualSahi(t *testing.T) {
	for i, p := range readGolden(t).Problems {
		for _, c := range p.Merged {
			m := Merge{c.Method, c.Metric, p.Threshold}
			require.ElementsMatch(t, objects(c.Boxes), m.Of(objects(p.Boxes)), "problem %d, %+v", i, m)
		}
	}
}

func objects(rows [][6]float64) (list []Object) {
	for _, b := range rows {
		list = append(list, Object{geom.Box{X1: float32(b[0]), Y1: float32(b[1]), X2: float32(b[2]), Y2: float32(b[3])}, int32(b[5]), float32(b[4])})
	}
	return list
}

func TestSlices(t *testing.T) {
	for _, c := range []struct {
		name    string
		picture geom.Size
		o       Options
		tiles   int
		runs    int
	}{
		{"tiny", geom.Size{W: 1, H: 1}, Options{Side: 640, Overlap: 0.2}, 1, 1},
		{"exactly a tile", geom.Size{W: 640, H: 640}, Options{Side: 640, Overlap: 0.2}, 1, 1},
		{"a pixel more", geom.Size{W: 641, H: 640}, Options{Side: 640, Overlap: 0.2}, 2, 3},
		{"a band", geom.Size{W: 6400, H: 10}, Options{Side: 640}, 10, 11},
		{"without overlap", geom.Size{W: 1280, H: 1280}, Options{Side: 640}, 4, 5},
		{"most overlap", geom.Size{W: 1280, H: 640}, Options{Side: 640, Overlap: MaxOverlap}, 11, 12},
		{"an orthophoto", geom.Size{W: 20000, H: 20000}, Options{Side: 640, Overlap: 0.2}, 39 * 39, 39*39 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Merge = DefaultMerge()
			require.NoError(t, c.o.Check())
			require.Equal(t, c.runs, c.o.Runs(c.picture))
			tiles := c.o.Slices(c.picture)
			require.Len(t, tiles, c.tiles)
			for _, r := range tiles {
				require.True(t, r.In(image.Rect(0, 0, c.picture.W, c.picture.H)))
				require.Equal(t, min(c.o.Side, c.picture.W), r.Dx())
				require.Equal(t, min(c.o.Side, c.picture.H), r.Dy())
			}
			require.Equal(t, image.Pt(c.picture.W, c.picture.H), tiles[len(tiles)-1].Max)
		})
	}
}

func TestCheck(t *testing.T) {
	good := Options{Side: 640, Overlap: 0.2, Merge: DefaultMerge()}
	for text, change := range map[string]func(*Options){
		"tile 31: want 32 to 8192":            func(o *Options) { o.Side = 31 },
		"tile -1":                             func(o *Options) { o.Side = -1 },
		"tile 8193":                           func(o *Options) { o.Side = 8193 },
		"overlap -0.1: want a number from 0":  func(o *Options) { o.Overlap = -0.1 },
		"overlap 0.99":                        func(o *Options) { o.Overlap = 0.99 },
		"overlap 1":                           func(o *Options) { o.Overlap = 1 },
		"overlap NaN":                         func(o *Options) { o.Overlap = math.NaN() },
		`merge "nmm": want nms or greedy-nmm`: func(o *Options) { o.Merge.Method = "nmm" },
		`merge-metric "giou"`:                 func(o *Options) { o.Merge.Metric = "giou" },
		"merge-threshold 0":                   func(o *Options) { o.Merge.Threshold = 0 },
		"merge-threshold 1.1":                 func(o *Options) { o.Merge.Threshold = 1.1 },
		"merge-threshold NaN":                 func(o *Options) { o.Merge.Threshold = math.NaN() },
	} {
		o := good
		change(&o)
		require.ErrorContains(t, o.Check(), text)
	}
	require.NoError(t, good.Check())
}

func TestMerge(t *testing.T) {
	box := func(x1, y1, x2, y2 float32) geom.Box { return geom.Box{X1: x1, Y1: y1, X2: x2, Y2: y2} }
	nan := float32(math.NaN())
	left, right, whole := Object{box(0, 0, 60, 50), 1, 0.8}, Object{box(50, 0, 100, 50), 1, 0.7}, Object{box(0, 0, 100, 50), 1, 0.6}
	all := []Object{left, right, whole}
	for _, c := range []struct {
		name    string
		m       Merge
		in, out []Object
	}{
		{"nothing", Merge{NMS, IoU, 0.5}, nil, nil},
		{"one", Merge{GreedyNMM, IoS, 0.5}, []Object{left}, []Object{left}},
		{"parts of an object by IoU", Merge{NMS, IoU, 0.65}, all, all},
		{"parts of an object by IoS", Merge{NMS, IoS, 0.5}, all, []Object{left, right}},
		{"extended by the whole object", Merge{GreedyNMM, IoS, 0.5}, all, []Object{{whole.Box, 1, 0.8}, right}},
		{"another class", Merge{NMS, IoU, 0.5}, []Object{left, {left.Box, 2, 0.9}}, []Object{{left.Box, 2, 0.9}, left}},
		{"the same box", Merge{GreedyNMM, IoU, 1}, []Object{left, left, left}, []Object{left}},
		{"equal scores", Merge{NMS, IoU, 0.5}, []Object{{box(1, 0, 9, 9), 1, 0.5}, {box(0, 0, 9, 9), 1, 0.5}}, []Object{{box(0, 0, 9, 9), 1, 0.5}}},
		{"no area", Merge{NMS, IoS, 0.1}, []Object{left, {box(5, 5, 5, 9), 1, 0.5}}, []Object{left, {box(5, 5, 5, 9), 1, 0.5}}},
		{"one beside all", Merge{NMS, IoS, 0.5}, []Object{{box(0, 0, 1e6, 1e6), 1, 0.1}, left, right}, []Object{left, right}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 5 { // the order does not matter
				in := slices.Clone(c.in)
				rand.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
				require.Equal(t, c.out, c.m.Of(in))
			}
		})
	}
	require.Len(t, Merge{NMS, IoU, 0.5}.Of([]Object{{box(nan, 0, 9, 9), 1, 0.5}, {box(0, 0, 9, 9), 1, 0.4}}), 2)
	inf := float32(math.Inf(1))
	require.Len(t, Merge{NMS, IoU, 0.5}.Of([]Object{{box(0, 0, inf, 9), 1, 0.5}, {box(0, 0, 9, 9), 1, 0.4}}), 2)
}

// TestCrowd merges as many objects as an orthophoto may have. All pairs would be 10^10.
func TestCrowd(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var found []Object
	for range 50_000 {
		x, y, side := rng.Float32()*20000, rng.Float32()*20000, 5+rng.Float32()*40
		for range 2 {
			dx := rng.Float32()
			found = append(found, Object{geom.Box{X1: x + dx, Y1: y, X2: x + dx + side, Y2: y + side}, 1, rng.Float32()})
		}
	}
	found = append(found, Object{geom.Box{X2: 20000, Y2: 20000}, 1, 0.5})
	began := processorTime(t)
	merged := Merge{NMS, IoU, 0.7}.Of(found)
	require.Less(t, processorTime(t)-began, 20*time.Second)
	require.InDelta(t, 50_000, len(merged), 500)
}

// processorTime is that of the process so far. The time on the clock would be that of all processes of a busy machine.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestGrid compares with all pairs.
func TestGrid(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 2, 50, 300} {
		var found []Object
		for range n {
			x, y, side := rng.Float32()*500-100, rng.Float32()*500-100, float32(math.Exp(rng.Float64()*8))
			found = append(found, Object{geom.Box{X1: x, Y1: y, X2: x + side, Y2: y + side}, 1, rng.Float32()})
		}
		for _, m := range []Merge{{NMS, IoU, 0.1}, {NMS, IoS, 0.5}, {GreedyNMM, IoS, 0.3}} {
			slices.SortFunc(found, compare)
			g := newGrid(found)
			for i := range found {
				near := g.of(i)
				for j := range found {
					if m.match(found[i].Box, found[j].Box) {
						require.Contains(t, near, j, fmt.Sprint(i))
					}
				}
			}
		}
	}
}
