package optest

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"testing"

	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/nn"
)

const goldenFile = "testdata/golden.safetensors"

// golden.py turns what this writes into the golden file.
var export = flag.String("export", "", "write the cases that PyTorch computes to this file")

// samples is how many values of a tensor the golden file holds; a longer tensor
// has those at hashed indices. The last number is a projection of all values.
const samples = 96

// sampled is what the golden file holds of a tensor.
func sampled(values []float64) []float64 {
	v := make([]float64, 0, samples+1)
	for i := range min(len(values), samples) {
		at := i
		if len(values) > samples {
			at = int(hash(0, i) % uint32(len(values)))
		}
		v = append(v, values[at])
	}
	return append(v, dot(values, uniform("projection", len(values))))
}

// PyTorch and torchvision computed outputs and gradients of the differentiable
// operations in float64; the reference device agrees to 1e-6 of the scale. The
// sampling grid of RoIAlign depends on the type of the regions, so that it is
// there in float32 too.
func TestGolden(t *testing.T) {
	cases := goldenCases()
	if *export != "" {
		exportCases(t, cases)
		return
	}
	golden, err := checkpoint.Load(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			g, err := newGraph(c)
			if err != nil {
				t.Fatal(err)
			}
			nodes, names := []*nn.Node{g.out}, []string{c.Name}
			for i, n := range g.grads {
				if n != nil {
					nodes, names = append(nodes, n), append(names, fmt.Sprintf("%s#%d", c.Name, i))
				}
			}
			values, err := g.evaluate(g.inputs(c), nodes...)
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range names {
				agree(t, golden, name, values[i], 1e-6)
			}
			if _, ok := c.Op.(nn.RoIAlign); ok {
				out, err := compute(c, engine.Float32, allValues(c))
				if err != nil {
					t.Fatal(err)
				}
				agree(t, golden, c.Name+"@f32", out, 1e-5)
			}
		})
	}
}

func agree(t *testing.T, golden *checkpoint.File, name string, values []float64, tolerance float64) {
	t.Helper()
	tensor, ok := golden.Tensor(name)
	if !ok {
		t.Fatalf("%s is not in %s: run golden.py", name, goldenFile)
	}
	v, err := tensor.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	want, got := wide(v), sampled(values)
	if len(want) != len(got) {
		t.Fatalf("%s: %d numbers in %s, want %d: run golden.py", name, len(want), goldenFile, len(got))
	}
	last := len(want) - 1
	if err := Compare(got[:last], want[:last], tolerance); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if err := Compare(got[last:], want[last:], tolerance); err != nil {
		t.Errorf("%s: projection: %v", name, err)
	}
}

// goldenCases are the cases of networks' differentiable operations that
// PyTorch has, and the moments of a batch.
func goldenCases() (cases []Case) {
	for _, c := range Cases() {
		switch c.Op.(type) {
		case nn.Slice, nn.Reshape:
			continue
		case nn.Moments2D:
			cases = append(cases, c)
		}
		if differentiable(c.Op) {
			cases = append(cases, c)
		}
	}
	return cases
}

func exportCases(t *testing.T, cases []Case) {
	type exported struct {
		Name string
		Op   string
		At   nn.Op
		In   []Input
		Wrt  []int
	}
	list := make([]exported, len(cases))
	for i, c := range cases {
		list[i] = exported{c.Name, fmt.Sprintf("%T", c.Op)[len("nn."):], c.Op, c.In, nil}
		if d, ok := c.Op.(nn.Differentiable); ok {
			for j, smooth := range d.Wrt(len(c.In)) {
				if smooth {
					list[i].Wrt = append(list[i].Wrt, j)
				}
			}
		}
	}
	b, err := json.Marshal(list)
	if err == nil {
		err = os.WriteFile(*export, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
