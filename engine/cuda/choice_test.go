//go:build gpu

package cuda

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
)

// chosen runs an operation on float32 inputs of the given shapes.
func chosen(t *testing.T, d *Device, op nn.Op, values [][]float32, shapes ...nn.Shape) []float32 {
	t.Helper()
	var in []engine.Tensor
	for i, s := range shapes {
		x := engine.Tensor{Desc: engine.Desc{Shape: s}}
		m, err := d.Alloc(x.Bytes())
		require.NoError(t, err)
		defer d.Free(m)
		require.NoError(t, d.Write(m, values[i]))
		x.Mem = m
		in = append(in, x)
	}
	s, err := op.OutShape(shapes)
	require.NoError(t, err)
	out := engine.Tensor{Desc: engine.Desc{Shape: s}}
	out.Mem, err = d.Alloc(out.Bytes())
	require.NoError(t, err)
	defer d.Free(out.Mem)
	k, err := d.Kernel(op, in, out)
	require.NoError(t, err)
	defer k.Close()
	require.NoError(t, d.Do(k.Run))
	return read(t, d, out)
}

// drawn is n numbers of a normal distribution, of which some are equal.
func drawn(random *rand.Rand, n int, deviation float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(random.NormFloat64() * deviation)
		if random.IntN(4) == 0 {
			v[i] = float32(int(v[i]*8)) / 8
		}
	}
	return v
}

// Anchors of a feature map as large as they come, and many small problems: the same regions as the processor's, bit for bit.
func TestProposalsAreTheHosts(t *testing.T) {
	d := newDevice(t)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 30 {
		n, h, w := 1+random.IntN(3), 1+random.IntN(12), 1+random.IntN(20)
		op := nn.Proposals{Coder: geom.Coder{Convention: geom.Convention(random.IntN(2)), Weights: [4]float32{1, 1, 1, 1}},
			PerCell: 1 + random.IntN(15), Pairs: random.IntN(2) == 0, Rows: 1 + random.IntN(100)}
		limits := nn.ProposalLimits{Image: geom.Size{W: 16 * w, H: 16 * h}, MinSize: 4 * random.Float64(), NMSIoU: random.Float64(),
			BeforeNMS: random.IntN(1000), AfterNMS: random.IntN(120)}
		if i == 0 { // 201,600 anchors
			n, h, w, op.PerCell, op.Pairs, op.Rows = 1, 105, 128, 15, false, 2000
			limits = nn.ProposalLimits{Image: geom.Size{W: 2040, H: 1670}, MinSize: 1e-3, NMSIoU: 0.7, BeforeNMS: 12000, AfterNMS: 2000}
		}
		t.Run(fmt.Sprintf("%dx%dx%dx%d", n, h, w, op.PerCell), func(t *testing.T) {
			count := h * w * op.PerCell
			var anchors, rows []float32
			for range count {
				x, y, across, down := 16*random.Float32()*float32(w), 16*random.Float32()*float32(h), 8+100*random.Float32(), 8+80*random.Float32()
				anchors = append(anchors, x-across, y-down, x+across, y+down)
			}
			for range n {
				rows = append(rows, limits.Row()...)
			}
			values := [][]float32{drawn(random, n*h*w*op.Logits(), 2), drawn(random, n*count*4, 0.3), anchors, rows}
			want := slices.Repeat([]float32{9}, n*op.Rows*5)
			op.Fill(values[0], values[1], values[2], values[3], want)
			got := chosen(t, d, op, values, nn.Shape{n, h, w, op.Logits()}, nn.Shape{n, h, w, 4 * op.PerCell}, nn.Shape{count, 4}, nn.Shape{n, nn.Limits})
			require.True(t, slices.Equal(want, got), "%+v", limits)
		})
	}
}

// The same of detections; the first problem is 500 regions of 40 classes, all scored above the threshold.
func TestDetectionsAreTheHosts(t *testing.T) {
	d := newDevice(t)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 15 {
		n, regions, classes := 1+random.IntN(3), 1+random.IntN(60), 1+random.IntN(9)
		op := nn.Detections{Coder: geom.Coder{Convention: geom.Convention(random.IntN(2)), Weights: [4]float32{10, 10, 5, 5}}, Rows: 1 + random.IntN(100)}
		limits := nn.DetectionLimits{Image: geom.Size{W: 300, H: 200}, MinSize: random.Float64(), NMSIoU: random.Float64(), Score: random.Float64() / 4, PerImage: 1 + random.IntN(120), Divisor: random.Float64() * 4}
		columns := []int{4, 4 * (classes + 1)}[random.IntN(2)]
		if i == 0 {
			n, regions, classes, columns, op.Rows = 1, 500, 40, 164, 100
			limits = nn.DetectionLimits{Image: geom.Size{W: 300, H: 200}, NMSIoU: 0.3, PerImage: 100}
		}
		t.Run(fmt.Sprintf("%dx%dx%d", n, regions, classes), func(t *testing.T) {
			var boxes, rows []float32
			for image := range n {
				for range regions {
					x, y := 280*random.Float32(), 180*random.Float32()
					boxes = append(boxes, float32(image-random.IntN(9)/8*4), x, y, x+5+90*random.Float32(), y+5+90*random.Float32())
				}
				rows = append(rows, limits.Row()...)
			}
			r := n * regions
			values := [][]float32{drawn(random, r*(classes+1), 2), drawn(random, r*columns, 1), boxes, rows}
			want := make([]float32, n*op.Rows*6)
			op.Fill(values[0], values[1], values[2], values[3], want)
			got := chosen(t, d, op, values, nn.Shape{r, classes + 1}, nn.Shape{r, columns}, nn.Shape{r, 5}, nn.Shape{n, nn.Limits})
			require.True(t, slices.Equal(want, got), "%+v", limits)
		})
	}
}
