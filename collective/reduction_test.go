package collective

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalenet/internal/half"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rounding is what a wire does to a number, written without the package's loops.
func rounding(w Wire, v float32) float32 {
	if w == BFloat16 {
		return half.FromBFloat16(half.ToBFloat16(v))
	}
	return v
}

// expected sums along the tree, as the package's description says it. x[i][part] is nil where it is absent.
func expected(w Wire, places [][][]float32) [][]float32 {
	x := make([][][]float32, len(places))
	for i, gradients := range places {
		x[i] = make([][]float32, len(gradients))
		for part, numbers := range gradients {
			if numbers == nil {
				continue
			}
			x[i][part] = make([]float32, len(numbers))
			for j, v := range numbers {
				x[i][part][j] = rounding(w, v)
			}
		}
	}
	for d := 1; d < len(x); d *= 2 {
		for i := 0; i+d < len(x); i += 2 * d {
			for part, right := range x[i+d] {
				left := x[i][part]
				if left == nil {
					x[i][part] = right
					continue
				}
				for j := range right {
					if left[j] += right[j]; left[j] != left[j] {
						left[j] = math.Float32frombits(0x7fc00000)
					}
					left[j] = rounding(w, left[j])
				}
			}
		}
	}
	return x[0]
}

// draw makes gradients for all places with special numbers and, where sparse, absent parts and places.
func draw(r *rand.Rand, m int, lengths []int, sparse bool) [][][]float32 {
	special := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, 0x1p-149, -0x1p-127,
		math.Float32frombits(0x7fc00001), math.Float32frombits(0xffc12345), math.Float32frombits(0x7f800001)}
	places := make([][][]float32, m)
	for i := range places {
		places[i] = make([][]float32, len(lengths))
		if sparse && r.IntN(3) == 0 {
			continue
		}
		for part, n := range lengths {
			if sparse && r.IntN(4) == 0 {
				continue
			}
			places[i][part] = make([]float32, n)
			for j := range n {
				u := r.Uint64()
				if places[i][part][j] = float32(int32(u)>>(u>>60)) / 3; u>>32%32 == 0 {
					places[i][part][j] = special[r.IntN(len(special))]
				}
			}
		}
	}
	return places
}

// equalBits compares sums, NaNs included.
func equalBits(want, got [][]float32) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d parts, not %d", len(got), len(want))
	}
	for part := range want {
		if (want[part] == nil) != (got[part] == nil) {
			return fmt.Errorf("part %d: absent is %v, not %v", part, got[part] == nil, want[part] == nil)
		}
		for j, v := range want[part] {
			if math.Float32bits(v) != math.Float32bits(got[part][j]) {
				return fmt.Errorf("part %d, number %d: %x, not %x", part, j, math.Float32bits(got[part][j]), math.Float32bits(v))
			}
		}
	}
	return nil
}

// sums lets a member of a group add its places of several steps and compares the results.
func sums(g *Group, o ReductionOptions, steps [][][][]float32, want [][][]float32) error {
	r, err := NewReduction(g, o)
	if err != nil {
		return err
	}
	for i, places := range steps {
		first, end := r.Places()
		for place := first; place < end; place++ {
			if slices.ContainsFunc(places[place], func(x []float32) bool { return x != nil }) || place%2 == 0 { // leave out, or add nothing
				if err := r.Add(place, places[place]); err != nil {
					return err
				}
			}
		}
		got, err := r.Finish()
		if err != nil {
			return err
		}
		if err := equalBits(want[i], got); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func TestSumIsTheTrees(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for m := 1; m <= 13; m++ {
		for n := 1; n <= min(m, 8); n++ {
			for _, lengths := range [][]int{{0}, {1}, {7}, {3, 0, 501, 1, 40, 40, 0}, {1000, 24}} {
				for _, wire := range []Wire{Float32, BFloat16} {
					o := ReductionOptions{Places: m, Parts: lengths, Wire: wire, segment: 1 + r.IntN(60), depth: 1 + r.IntN(6)}
					steps := [][][][]float32{draw(r, m, lengths, false), draw(r, m, lengths, true), draw(r, m, lengths, true), make([][][]float32, m), draw(r, m, lengths, false)}
					for i := range steps[3] {
						steps[3][i] = make([][]float32, len(lengths))
					}
					var want [][][]float32
					for _, places := range steps {
						want = append(want, expected(wire, places))
					}
					t.Run(fmt.Sprintf("%d/%d/%v/%v", m, n, lengths, wire), func(t *testing.T) {
						agreeing(t, n, func(g *Group) error { return sums(g, o, steps, want) })
					})
				}
			}
		}
	}
}

// The usual segments, more than fit in flight at once.
func TestLongSums(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	lengths := []int{1 << 20, 3}
	for _, c := range []struct{ m, n int }{{4, 2}, {4, 4}, {5, 3}} {
		for _, wire := range []Wire{Float32, BFloat16} {
			places := draw(r, c.m, lengths, false)
			want := expected(wire, places)
			agreeing(t, c.n, func(g *Group) error {
				return sums(g, ReductionOptions{Places: c.m, Parts: lengths, Wire: wire, depth: 2}, [][][][]float32{places}, [][][]float32{want})
			})
		}
	}
}

func TestMemoryIsACounters(t *testing.T) {
	r, err := NewReduction(NewLocal(1, Options{})[0], ReductionOptions{Places: 64, Parts: []int{5}})
	require.NoError(t, err)
	for range 3 {
		for place := range 64 {
			require.NoError(t, r.Add(place, [][]float32{make([]float32, 5)}))
			assert.LessOrEqual(t, len(r.nodes)+len(r.free), 7)
		}
		_, err = r.Finish()
		require.NoError(t, err)
	}
}

func TestDiscard(t *testing.T) {
	r, err := NewReduction(NewLocal(1, Options{})[0], ReductionOptions{Places: 3, Parts: []int{1}})
	require.NoError(t, err)
	require.NoError(t, r.Add(1, [][]float32{{5}}))
	r.Discard()
	require.NoError(t, r.Add(0, [][]float32{{1}}))
	require.NoError(t, r.Add(2, [][]float32{{2}}))
	sum, err := r.Finish()
	require.NoError(t, err)
	assert.Equal(t, [][]float32{{3}}, sum)
}

func TestReductionRefuses(t *testing.T) {
	r, err := NewReduction(NewLocal(1, Options{})[0], ReductionOptions{Places: 3, Parts: []int{1, 2}})
	require.NoError(t, err)
	assert.EqualError(t, r.Add(3, make([][]float32, 2)), "place 3: the next of rank 0 is 0, the last 2")
	assert.EqualError(t, r.Add(0, make([][]float32, 1)), "1 gradients for 2 parameters")
	assert.EqualError(t, r.Add(0, [][]float32{nil, {1}}), "gradient 1 has 1 numbers, its parameter 2")
	require.NoError(t, r.Add(1, make([][]float32, 2)))
	assert.EqualError(t, r.Add(1, make([][]float32, 2)), "place 1: the next of rank 0 is 2, the last 2")

	for _, err := range together(3, Options{}, func(g *Group) error {
		_, err := NewReduction(g, ReductionOptions{Places: 2})
		return err
	}) {
		assert.EqualError(t, err, "2 micro-batches a step are too few for 3 processes")
	}
	errs := together(2, Options{}, func(g *Group) error {
		_, err := NewReduction(g, ReductionOptions{Places: 2, Parts: []int{4, 5 + g.Rank()}})
		return err
	})
	assert.ErrorContains(t, errs[0], "sum of gradients with rank 1 on ")
	assert.ErrorContains(t, errs[0], "the processes differ: numbers in parameter 1: 5 here, 6 there")
	assert.ErrorContains(t, errs[1], "numbers in parameter 1: 6 here, 5 there")
}
