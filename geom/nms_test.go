package geom

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plainNMS is the definition, without anything that makes it fast.
func plainNMS(c Convention, boxes []Box, scores []float32, threshold float64) []int {
	kept := []int{}
next:
	for _, i := range TopK(scores, len(scores)) {
		for _, j := range kept {
			if float64(c.IoU(boxes[i], boxes[j])) > threshold {
				continue next
			}
		}
		kept = append(kept, i)
	}
	return kept
}

// randomBoxes gives boxes like a region proposal network's: clusters of
// overlapping boxes of many sizes in an image of 904x600.
func randomBoxes(rng *rand.Rand, n, clusters int) ([]Box, []float32) {
	boxes, scores := make([]Box, n), make([]float32, n)
	type center struct{ x, y, w, h float64 }
	centers := make([]center, clusters)
	for i := range centers {
		centers[i] = center{rng.Float64() * 904, rng.Float64() * 600,
			8 * math.Pow(2, rng.Float64()*6), 8 * math.Pow(2, rng.Float64()*6)}
	}
	for i := range boxes {
		m := centers[rng.IntN(clusters)]
		x, y := m.x+rng.NormFloat64()*m.w/8, m.y+rng.NormFloat64()*m.h/8
		w, h := m.w*math.Exp(rng.NormFloat64()/6), m.h*math.Exp(rng.NormFloat64()/6)
		boxes[i] = Continuous.Clip(Box{float32(x - w/2), float32(y - h/2), float32(x + w/2), float32(y + h/2)}, Size{904, 600})
		scores[i] = float32(rng.IntN(2000)) / 2000 // with ties
	}
	return boxes, scores
}

func TestNMSEqualsItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 100, 255, 256, 1500} {
		for _, clusters := range []int{1, 20, 800} {
			boxes, scores := randomBoxes(rng, n, clusters)
			for _, threshold := range []float64{0, 0.3, 0.5, 0.7, 0.95, 1} {
				for _, c := range []Convention{Continuous, Inclusive} {
					want := plainNMS(c, boxes, scores, threshold)
					require.Equal(t, want, c.NMS(boxes, scores, threshold, -1), "%d boxes, %d clusters, %v, %v", n, clusters, threshold, c)
					limit := min(7, len(want))
					require.Equal(t, want[:limit], c.NMS(boxes, scores, threshold, 7))
				}
			}
		}
	}
}

// The grid must find every pair that the definition finds, at borderline
// overlaps and sizes of any magnitude.
func TestNMSGridFindsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		threshold := rapid.Float64Range(gridThreshold, 1).Draw(t, "threshold")
		scale := math.Pow(2, rapid.Float64Range(-12, 12).Draw(t, "scale"))
		shift := rapid.Float64Range(-1e4, 1e4).Draw(t, "shift")
		c := Convention(rapid.IntRange(0, 1).Draw(t, "convention"))
		boxes, scores := randomBoxes(rng, 300, 10)
		for i := range boxes {
			b := &boxes[i]
			if i%3 == 1 { // a neighbour whose IoU is just about the threshold
				*b = boxes[i-1]
				b.X1 += float32(float64(b.X2-b.X1) * (1 - threshold) * (1 + rng.NormFloat64()*1e-6))
			}
		}
		for i, b := range boxes {
			boxes[i] = Box{float32(float64(b.X1)*scale + shift), float32(float64(b.Y1)*scale + shift),
				float32(float64(b.X2)*scale + shift), float32(float64(b.Y2)*scale + shift)}
		}
		require.Equal(t, plainNMS(c, boxes, scores, threshold), c.NMS(boxes, scores, threshold, -1))
	})
}

func TestNMSOfImproperBoxes(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	boxes := []Box{
		{0, 0, 10, 10}, {0, 0, 10, 10}, // the second one goes
		{5, 5, 5, 9}, {5, 5, 5, 9}, // no area
		{nan, 0, 10, 10}, {0, 0, 10, nan},
		{0, 0, inf, 10}, {-inf, -inf, inf, inf},
		{10, 10, 0, 0}, {-3e38, -3e38, 3e38, 3e38},
		{0, 0, 1e-30, 1e-30},
	}
	scores := []float32{1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, nan, 0.1}
	want := []int{0, 2, 3, 4, 5, 6, 7, 8, 10, 9}
	require.Equal(t, want, Continuous.NMS(boxes, scores, 0.5, -1))
	for len(boxes) < 2*gridFrom { // the same by way of the grid
		boxes, scores = append(boxes, boxes[1]), append(scores, 0.01)
	}
	require.Equal(t, want, Continuous.NMS(boxes, scores, 0.5, -1))
	require.Empty(t, Continuous.NMS(nil, nil, 0.5, -1))
	require.Empty(t, Continuous.NMS(boxes, scores, 0.5, 0))
	require.Panics(t, func() { Continuous.NMS(boxes, scores[1:], 0.5, -1) })
}

func TestBatchedNMS(t *testing.T) {
	boxes := []Box{{0, 0, 10, 10}, {0, 0, 10, 10}, {0, 0, 10, 11}, {50, 50, 60, 60}}
	scores := []float32{0.5, 0.9, 0.6, 0.9}
	classes := []int32{1, 2, 1, 1}
	require.Equal(t, []int{1, 3, 2}, Continuous.BatchedNMS(boxes, scores, classes, 0.5, -1))
	require.Equal(t, []int{1, 3}, Continuous.BatchedNMS(boxes, scores, classes, 0.5, 2))
	require.Empty(t, Continuous.BatchedNMS(nil, nil, nil, 0.5, -1))
	require.Panics(t, func() { Continuous.BatchedNMS(boxes, scores, classes[1:], 0.5, -1) })
}

func TestTopK(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	scores := []float32{0.5, nan, -1, inf, float32(math.Copysign(0, -1)), 0, -inf, 0.5, -2, 1e-45}
	require.Equal(t, []int{3, 0, 7, 9, 4, 5, 2, 8, 6, 1}, TopK(scores, 99))
	require.Equal(t, []int{3, 0}, TopK(scores, 2))
	require.Empty(t, TopK(scores, 0))
	require.Empty(t, TopK(nil, 5))
}

func BenchmarkNMS(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, bm := range []struct {
		name        string
		n, clusters int
		limit       int
	}{
		{"6000 clustered", 6000, 300, -1},
		{"6000 apart", 6000, 6000, -1},
		{"6000 clustered to 300", 6000, 300, 300},
		{"12000 apart to 2000", 12000, 12000, 2000},
		{"6000 in one place", 6000, 1, -1},
	} {
		boxes, scores := randomBoxes(rng, bm.n, bm.clusters)
		b.Run(bm.name, func(b *testing.B) {
			var kept int
			for b.Loop() {
				kept = len(Continuous.NMS(boxes, scores, 0.7, bm.limit))
			}
			b.ReportMetric(float64(kept), "kept")
		})
	}
}

func TestThreshold(t *testing.T) {
	for _, iou := range []float64{0, 1e-50, 0.1, 0.3, 0.5, 0.7, 1 - 1e-12, 1} {
		v := Threshold(iou)
		require.LessOrEqual(t, float64(v), iou)
		require.Greater(t, float64(math.Nextafter32(v, 2)), iou)
	}
}
