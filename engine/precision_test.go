package engine

import (
	"strings"
	"testing"

	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lowered is the steps of a graph in bfloat16, with the types of their inputs
// and outputs, unfused.
func lowered(t *testing.T, native int, build func(g *nn.Graph, x *nn.Node) []*nn.Node) string {
	t.Helper()
	g := nn.NewGraph(nn.NewParams(1), false)
	var out []*nn.Node
	require.NoError(t, nn.Build(func() { out = build(g, g.Features("x", 1, 8, 8, 4)) }))
	p := newProgram(g, [][]*nn.Node{out})
	p.sweep()
	set := map[*value]bool{}
	for _, n := range append([]*nn.Node{g.Inputs()[0]}, out...)[:native] {
		set[p.nodes[n]] = true
	}
	p.lower(BFloat16, set)
	checkUses(t, p)
	var steps []string
	for _, s := range p.steps {
		var types []string
		for _, v := range s.in {
			types = append(types, v.Type.String())
		}
		steps = append(steps, brief(s.op)+" "+strings.Join(types, ",")+">"+s.out.Type.String())
	}
	for _, n := range out {
		if native == 0 {
			assert.Equal(t, Float32, p.nodes[n].Type, "outputs are float32")
		}
	}
	return strings.Join(steps, "; ")
}

func TestLower(t *testing.T) {
	type nodes = []*nn.Node
	conv := func(g *nn.Graph, x *nn.Node, name string) *nn.Node { return g.Conv(x, name, 4, 3, conv3x3) }
	for name, c := range map[string]struct {
		native int // how many of input and outputs
		build  func(g *nn.Graph, x *nn.Node) []*nn.Node
		want   string
	}{
		"an input is cast once": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.GlobalAvgPool(nn.Sum(nn.Relu(x), x))}
		}, "Cast f32>bf16; ReLU bf16>bf16; Add bf16,bf16>bf16; GlobalAvgPool2D bf16>f32"},
		"a native input is not": {1, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.GlobalAvgPool(nn.Relu(x))}
		}, "ReLU bf16>bf16; GlobalAvgPool2D bf16>f32"},
		"what is kept and read is cast": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := nn.Relu(x)
			return nodes{y, nn.Sum(nn.MaxPool(y, 1, 1, 0), y)}
		}, "Cast f32>bf16; ReLU bf16>f32; Cast f32>bf16; MaxPool2D bf16>bf16; Add bf16,bf16>f32"},
		"a native output": {2, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := nn.Relu(x)
			return nodes{y, nn.GlobalAvgPool(y)}
		}, "ReLU bf16>bf16; GlobalAvgPool2D bf16>f32"},
		"weights and their slices stay": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			w := g.Param("w", nn.Weight, nn.HeFanOut, 4, 8, 1, 1)
			y := nn.Conv(conv(g, x, "c"), nn.Apply(nn.Slice{Axis: 1, From: 4, To: 8}, w), nil, nn.Conv2D{Stride: 1})
			return nodes{nn.GlobalAvgPool(y)}
		}, "Cast f32>bf16; Conv2D bf16,f32>bf16; Slice f32>f32; Conv2D bf16,f32>bf16; GlobalAvgPool2D bf16>f32"},
		"a parameter as a feature is cast": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.GlobalAvgPool(nn.Sum(x, g.Param("p", nn.Bias, nn.Constant(1), 1, 8, 8, 4)))}
		}, "Cast f32>bf16; Cast f32>bf16; Add bf16,bf16>bf16; GlobalAvgPool2D bf16>f32"},
		"a view has the type of what it is a view of": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{g.Linear(nn.Reshaped(nn.Relu(x), 1, 256), "fc", 2, nn.Constant(1))}
		}, "Cast f32>bf16; ReLU bf16>bf16; Reshape bf16>bf16; Linear bf16,f32,f32>f32"},
		"a view that is read from outside is a float32 copy": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := nn.Reshaped(nn.Relu(x), 1, 4, 16, 4)
			return nodes{y, nn.GlobalAvgPool(y)}
		}, "Cast f32>bf16; ReLU bf16>bf16; Reshape bf16>bf16; Cast bf16>f32; GlobalAvgPool2D bf16>f32"},
		"a feature made of a matrix is cast": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := nn.Reshaped(nn.Relu(nn.GlobalAvgPool(x)), 1, 1, 1, 4)
			return nodes{nn.GlobalAvgPool(nn.Relu(y))}
		}, "Cast f32>bf16; GlobalAvgPool2D bf16>f32; ReLU f32>f32; Reshape f32>f32; Cast f32>bf16; ReLU bf16>bf16; GlobalAvgPool2D bf16>f32"},
		"what boxes are chosen by is float32": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "c")
			op := nn.Proposals{PerCell: 4, Rows: 9}
			return nodes{nn.Apply(op, conv(g, y, "score"), g.Conv(y, "deltas", 16, 3, conv3x3), g.Input("anchors", 256, 4), g.Input("limits", 1, nn.Limits))}
		}, "Cast f32>bf16; Conv2D bf16,f32>bf16; Conv2D bf16,f32>f32; Conv2D bf16,f32>f32; Proposals f32,f32,f32,f32>f32"},
		"gradients of features are features, those of weights and of their slices float32": {0, func(g *nn.Graph, x *nn.Node) []*nn.Node {
			w := g.Param("w", nn.Weight, nn.HeFanOut, 4, 8, 1, 1)
			part := func(from int) *nn.Node { return nn.Apply(nn.Slice{Axis: 1, From: from, To: from + 4}, w) }
			y := nn.GlobalAvgPool(nn.Conv(nn.Conv(x, part(0), nil, nn.Conv2D{Stride: 1}), part(4), nil, nn.Conv2D{Stride: 1}))
			grads, _ := g.Backward(nodes{y}, nodes{g.Input("dy", 1, 4)})
			return nodes{grads[0].Node}
		}, "Slice f32>f32; Cast f32>bf16; Conv2D bf16,f32>bf16; Slice f32>f32; GlobalAvgPool2DGrad f32>bf16; " +
			"Conv2DGradInput bf16,f32>bf16; Conv2DGradWeight bf16,bf16>f32; Embed f32>f32; Conv2DGradWeight bf16,bf16>f32; Embed f32>f32; Add f32,f32>f32"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, lowered(t, c.native, c.build))
		})
	}
}
