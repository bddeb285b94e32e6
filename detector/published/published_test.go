package published

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// parameter describes a tensor of a golden file: its values are offset + scale * u, see testdata/torchvision.py.
type parameter struct {
	Name          string
	Shape         []int
	Scale, Offset float32
}

// generated returns element i of splitmix64 seeded by the hash of a name, as testdata/torchvision.py does.
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

func (p parameter) tensor(seed string) checkpoint.Tensor {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	u, values := generated(seed+p.Name), make([]float32, n)
	for i := range values {
		product := p.Scale * (float32(u(i)>>40)/(1<<23) - 1)
		values[i] = p.Offset + product
	}
	return checkpoint.Float32Tensor(p.Name, p.Shape, values)
}

// readGolden reads testdata/NAME.json.gz.
func readGolden(t *testing.T, name string, into any) {
	f, err := os.Open(filepath.Join("testdata", name+".json.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip(name + " is not generated yet")
	}
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(r).Decode(into))
}

// picture returns the BGR bytes of testdata/torchvision.py's picture.
func picture(w, h int) []uint8 {
	out := make([]uint8, 3*w*h)
	sum := make([]uint64, len(out))
	for _, part := range []struct {
		block  int
		weight uint64
	}{{max(w, h) / 10, 9}, {max(w, h) / 40, 6}, {1, 1}} {
		u := generated(fmt.Sprintf("image.%dx%d/%d", w, h, part.block))
		columns := (w + part.block - 1) / part.block
		for y := range h {
			for x := range w {
				for c := range 3 {
					sum[3*(y*w+x)+c] += part.weight * (u(((y/part.block)*columns+x/part.block)*3+c) >> 56)
				}
			}
		}
	}
	for i, v := range sum {
		out[i-i%3+2-i%3] = uint8(v >> 4)
	}
	return out
}
