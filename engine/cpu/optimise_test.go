package cpu

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"scalenet/engine"
)

// An update has the same bits with every number of threads.
func TestUpdateThreads(t *testing.T) {
	const n = 40009 // more than one thread is woken for, and no whole number of vectors
	for _, rule := range []engine.UpdateRule{
		engine.SGDUpdate{LR: 0.1, Momentum: 0.9, Decay: 1e-2, GradScale: 0.5},
		engine.AdamWUpdate{LR: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 1e-2, GradScale: 0.5, Step: 1},
	} {
		var want [][]float32
		for threads := 1; threads <= 4; threads++ {
			d := newDevice(t, threads)
			arrays := []engine.Tensor{alloc(t, d, engine.Float32, ramp(n), n), alloc(t, d, engine.Float32, ramp(n), n)}
			var state []engine.Memory
			for range rule.State() {
				x := alloc(t, d, engine.Float32, nil, n)
				arrays, state = append(arrays, x), append(state, x.Mem)
			}
			for range 3 {
				require.NoError(t, d.Update(rule, arrays[0].Mem, arrays[1].Mem, state, n))
			}
			var got [][]float32
			for _, x := range arrays {
				got = append(got, read(t, d, x))
			}
			if want == nil {
				want = got
			}
			assert.Equal(t, want, got, "%T with %d threads", rule, threads)
		}
	}
}

func BenchmarkAdamW(b *testing.B) {
	const n = 1 << 22
	d := newDevice(b, 1)
	var mem []engine.Memory
	for range 4 {
		mem = append(mem, alloc(b, d, engine.Float32, make([]float32, n), n).Mem)
	}
	rule := engine.AdamWUpdate{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 1e-2, GradScale: 1, Step: 1}
	b.SetBytes(7 * 4 * n) // four arrays read, three written
	for b.Loop() {
		require.NoError(b, d.Update(rule, mem[0], mem[1], mem[2:], n))
	}
}
