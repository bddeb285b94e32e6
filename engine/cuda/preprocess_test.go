//go:build gpu

package cuda

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"scalenet/engine"
	"scalenet/nn"
	"scalenet/raster"

	"github.com/stretchr/testify/require"
)

// Images are the host's, bit for bit, whatever the sizes.
func TestImagesAreTheHosts(t *testing.T) {
	d := newDevice(t)
	random := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		n, h, w := 1+random.IntN(3), 1+random.IntN(90), 1+random.IntN(90)
		op := nn.Preprocess{Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}, Height: h, Width: w}
		var bytes []uint8
		var rows []int32
		var transforms []nn.ImageTransform
		var shifts []float32
		for range n {
			a := nn.ImageTransform{At: len(bytes), W: 1 + random.IntN(150), H: 1 + random.IntN(150),
				Transform: raster.Transform{W: 1 + random.IntN(w), H: 1 + random.IntN(h), FlipX: random.IntN(2) > 0, FlipY: random.IntN(2) > 0}}
			for range 3 * a.W * a.H {
				bytes = append(bytes, uint8(random.Uint32()))
			}
			for c := range a.Shift {
				a.Shift[c] = random.Float32() - 0.5
			}
			rows, transforms, shifts = append(rows, a.Row()...), append(transforms, a), append(shifts, a.Shift[:]...)
		}
		t.Run(fmt.Sprintf("%dx%dx%d", n, h, w), func(t *testing.T) {
			want := make([]float32, n*h*w*3)
			for i, a := range transforms {
				require.NoError(t, op.FillRows(want[i*h*w*3:(i+1)*h*w*3], bytes, a, 0, h))
			}
			images := alloc(t, d, engine.Float32, nil, n, h, w, 3)
			k := compile(t, d, op, images, alloc(t, d, engine.UInt8, bytes, len(bytes)), alloc(t, d, engine.Int32, rows, n, nn.TransformRow),
				alloc(t, d, engine.Float32, shifts, n, 3))
			require.NoError(t, d.Do(k.Run))
			require.Equal(t, want, read(t, d, images), "%+v", transforms)
		})
	}
}
