package train

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"scalenet/engine"
	"scalenet/internal/half"
)

// "float32" is the same configuration as none, in YAML and JSON, so that a run goes on with either.
func TestWireKey(t *testing.T) {
	for text, want := range map[string]Wire{"float32": "", "bfloat16": "bfloat16"} {
		c := DefaultConfig()
		require.NoError(t, yaml.Unmarshal([]byte("wire: "+text), &c))
		require.Equal(t, want, c.Wire)
		require.NoError(t, c.Validate())
		out, err := yaml.Marshal(c)
		require.NoError(t, err)
		require.Equal(t, want != "", strings.Contains(string(out), "wire: bfloat16"), string(out))
	}
	c := DefaultConfig()
	c.Wire = "float16"
	require.ErrorContains(t, c.Validate(), "train.wire = float16: must be float32 or bfloat16")
}

// In one process gradients are rounded at every node of the tree, as between processes.
func TestRoundedSum(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	round := func(v float32) float32 { return half.FromBFloat16(half.ToBFloat16(v)) }
	for batches := 1; batches <= 5; batches++ {
		c := DefaultConfig()
		c.Accumulate, c.Wire = batches, "bfloat16"
		params := []Param{{Name: "a", Len: 5, Value: make(hostMemory, 5), Trainable: true}, {Name: "b", Len: 3, Value: make(hostMemory, 3), Trainable: true}}
		o, err := NewOptimizer(host{}, params, c)
		require.NoError(t, err)
		for range 3 {
			var leaves [][]float32
			for range batches {
				leaf := make([]float32, 5)
				for i := range leaf {
					leaf[i] = random.Float32() * float32(int(1)<<random.IntN(20))
				}
				require.NoError(t, o.Accumulate([]engine.Memory{hostMemory(append([]float32(nil), leaf...)), nil}))
				for i := range leaf {
					leaf[i] = round(leaf[i])
				}
				leaves = append(leaves, leaf)
			}
			for d := 1; d < batches; d *= 2 {
				for i := 0; i+d < batches; i += 2 * d {
					for k, v := range leaves[i+d] {
						leaves[i][k] = round(leaves[i][k] + v)
					}
				}
			}
			require.NoError(t, o.summed())
			require.NoError(t, o.summed(), "twice is once")
			require.Equal(t, hostMemory(leaves[0]), o.trained[0].grad, "%d batches", batches)
			require.Nil(t, o.trained[1].grad)
			o.Skip()
		}
		o.Close()
	}
}

// The files of a run with rounded gradients are the same for any number of processes, and others than without rounding.
func TestTogetherWithWire(t *testing.T) {
	for _, accumulate := range []int{4, 6} {
		set := func(wire Wire) func(int, *Loop[[]float32], *quadratic, func()) {
			return func(_ int, l *Loop[[]float32], _ *quadratic, _ func()) {
				l.Config.Accumulate, l.Config.Wire = accumulate, wire
			}
		}
		plain, want := t.TempDir(), t.TempDir()
		require.Equal(t, []error{nil}, runTogether(t, plain, 1, false, set("")))
		require.Equal(t, []error{nil}, runTogether(t, want, 1, false, set("bfloat16")))
		require.NotEqual(t, contents(t, plain)[LastFile], contents(t, want)[LastFile])
		for n := 2; n <= 4; n++ {
			dir := t.TempDir()
			require.Equal(t, make([]error, n), runTogether(t, dir, n, false, set("bfloat16")))
			require.Equal(t, contents(t, want), contents(t, dir), "%d processes, %d batches a step", n, accumulate)
		}
	}
}
