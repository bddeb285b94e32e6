package cpu

import (
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
)

// The largest sums of products that a convolution of bytes may have, of both signs: Winograd's transforms of them leave 16 and 32 bits nowhere, and
// what leaves 32 bits on the way comes back. With more inputs, the direct kernel takes over.
func TestLargestSumsOfBytes(t *testing.T) {
	d := newDevice(t, 2)
	const side, co = 8, 5
	for _, ci := range []int{16, 1536, 1538} {
		x := alloc(t, d, engine.UInt8, nil, 1, side, side, ci)
		w := alloc(t, d, engine.UInt8, nil, co, ci, 3, 3)
		scales := alloc(t, d, engine.Float32, []float32{1, 1, 1, 1, 1}, co)
		y := alloc(t, d, engine.Float32, nil, 1, side, side, co)
		bytes := make([]uint8, x.Shape.TotalSize())
		for i := range bytes {
			bytes[i] = 255
		}
		require.NoError(t, d.Write(x.Mem, bytes))
		// Output channels: all weights 127, all -127, signs that alternate by row, by column and as on a chess board. A byte of 128 stands for 0.
		sign := []func(y, x int) int{
			func(int, int) int { return 1 }, func(int, int) int { return -1 }, func(y, _ int) int { return 1 - 2*(y%2) },
			func(_, x int) int { return 1 - 2*(x%2) }, func(y, x int) int { return 1 - 2*((y+x)%2) },
		}
		var weights []uint8
		for o := range co {
			for range ci {
				for k := range 9 {
					weights = append(weights, uint8(128+127*sign[o](k/3, k%3)))
				}
			}
		}
		require.NoError(t, d.Write(w.Mem, weights))
		op := engine.Int8Conv{Block: engine.ConvBlock{Conv2D: nn.Conv2D{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}}, X: engine.Quant{Scale: 1}}
		k := compile(t, d, op, y, x, w, scales)
		run(t, d, k)
		var want []float32
		for i := range side * side {
			for o := range co {
				sum := 0
				for tap := range 9 {
					if py, px := i/side+tap/3-1, i%side+tap%3-1; py >= 0 && py < side && px >= 0 && px < side {
						sum += 255 * 127 * ci * sign[o](tap/3, tap%3)
					}
				}
				want = append(want, float32(sum))
			}
		}
		require.Equal(t, want, read(t, d, y), ci)
		k.Close()
	}
}
