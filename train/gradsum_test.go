package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
)

// strideTree is the sum x[i] += x[i+d] for d = 1, 2, 4, ...; nil is absent.
func strideTree(leaves [][]float32) []float32 {
	x := make([][]float32, len(leaves))
	for i, leaf := range leaves {
		x[i] = append([]float32(nil), leaf...)
	}
	for d := 1; d < len(x); d *= 2 {
		for i := 0; i+d < len(x); i += 2 * d {
			switch {
			case x[i+d] == nil:
			case x[i] == nil:
				x[i] = x[i+d]
			default:
				for k, v := range x[i+d] {
					x[i][k] += v
				}
			}
		}
	}
	return x[0]
}

func TestGradientSumIsTheStrideTree(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for batches := 2; batches <= 19; batches++ {
		c := DefaultConfig()
		c.Accumulate = batches
		params := []Param{{Name: "a", Len: 5, Value: make(hostMemory, 5), Trainable: true}, {Name: "b", Len: 3, Value: make(hostMemory, 3), Trainable: true}}
		o, err := NewOptimizer(host{}, params, c)
		require.NoError(t, err)
		for step := range 4 {
			n := batches - step%2 // the last step of an epoch has fewer
			leaves := make([][][]float32, len(params))
			for range n {
				grads := make([]engine.Memory, len(params))
				for i, p := range params {
					var leaf []float32
					if i == 0 || random.IntN(3) > 0 {
						for range p.Len {
							leaf = append(leaf, random.Float32()*float32(int(1)<<random.IntN(20)))
						}
						grads[i] = hostMemory(append([]float32(nil), leaf...))
					}
					leaves[i] = append(leaves[i], leaf)
				}
				require.NoError(t, o.Accumulate(grads))
			}
			require.NoError(t, o.summed())
			require.NoError(t, o.summed(), "twice is once")
			for i := range params {
				want := strideTree(leaves[i])
				if want == nil {
					require.Nil(t, o.trained[i].grad)
					continue
				}
				require.Equal(t, hostMemory(want), o.trained[i].grad, fmt.Sprintf("%d of %d batches, step %d", n, batches, step))
			}
			o.Skip()
		}
		o.Close()
	}
}

func TestSumSlots(t *testing.T) {
	for n, slots := range map[int]int{2: 1, 3: 2, 4: 2, 5: 3, 8: 3, 9: 4, 16: 4} {
		require.Equal(t, slots, sumSlots(n), n)
	}
}
