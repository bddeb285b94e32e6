// Package goldentest reads the golden files of detector/published/testdata, for tests.
package goldentest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// Parameter describes a tensor of a golden file: its values are offset + scale * u, see torchvision.py.
type Parameter struct {
	Name          string
	Shape         []int
	Scale, Offset float32
	Values        []float32 // given instead, of a small tensor
}

// generated returns element i of splitmix64 seeded by the hash of a name, as torchvision.py does.
func generated(name string) func(i int) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	seed := h.Sum64()
	return func(i int) uint64 {
		z := seed + uint64(i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		return z ^ z>>31
	}
}

// Tensor returns the tensor with the seed of its file.
func (p Parameter) Tensor(seed string) checkpoint.Tensor {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	if p.Values != nil {
		return checkpoint.Float32Tensor(p.Name, p.Shape, p.Values)
	}
	u, values := generated(seed+p.Name), make([]float32, n)
	for i := range values {
		product := p.Scale * (float32(u(i)>>40)/(1<<23) - 1)
		values[i] = p.Offset + product
	}
	return checkpoint.Float32Tensor(p.Name, p.Shape, values)
}

// Read reads a .json.gz file.
func Read(t *testing.T, path string, into any) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(r).Decode(into))
}

// Detector is a detector of torchvision or detectron2 and what it finds.
type Detector struct {
	Model, Norm, Seed string
	Eps               float64
	Size              [2]int // of the input in tests, if not the model's own
	Tensors           []Parameter
	Images            []struct {
		Width, Height int
		Boxes         [][4]float64
		Scores        []float64
		Labels        []int32
	}
}

// File returns the state dict.
func (d Detector) File() *checkpoint.File {
	f := &checkpoint.File{}
	for _, p := range d.Tensors {
		f.Tensors = append(f.Tensors, p.Tensor(d.Seed))
	}
	if d.Norm == "BatchNorm2d" {
		f.Tensors = append(f.Tensors, checkpoint.Int64Tensor("backbone.body.bn1.num_batches_tracked", nil, []int64{0}))
	}
	return f
}

// SHA256 begins as that of the published file with an epsilon of 0 if the detector has that.
func (d Detector) SHA256() string {
	if d.Eps == 0 {
		return "258fb6c6"
	}
	return ""
}

// Picture returns the BGR bytes of torchvision.py's picture: two grids of random nodes, interpolated in integers.
func Picture(w, h int) []uint8 {
	out, sum := make([]uint8, 3*w*h), make([]uint64, 3*w*h)
	for _, part := range []struct{ block, weight int }{{max(w, h) / 10, 10}, {max(2, max(w, h)/40), 6}} {
		b := part.block
		u, columns := generated(fmt.Sprintf("image.%dx%d/%d", w, h, b)), (w-1)/b+2
		for y := range h {
			for x := range w {
				for c := range 3 {
					node := func(down, right int) uint64 { return u(((y/b+down)*columns+x/b+right)*3+c) >> 56 }
					i, j, n := uint64(x%b), uint64(y%b), uint64(b)
					upper, lower := (n-i)*node(0, 0)+i*node(0, 1), (n-i)*node(1, 0)+i*node(1, 1)
					sum[3*(y*w+x)+c] += uint64(part.weight) * (((n-j)*upper + j*lower) / (n * n))
				}
			}
		}
	}
	for i, v := range sum {
		out[i-i%3+2-i%3] = uint8(v >> 4)
	}
	return out
}
