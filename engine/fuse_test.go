package engine

import (
	"fmt"
	"strings"
	"testing"

	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// brief names a step's operation and what is fused into it.
func brief(op nn.Op) string {
	when := func(on bool, text string) string { return strings.Repeat(text, count(on, 1)) }
	slice := func(from, to int) string { return when(to > 0, fmt.Sprintf("[%d:%d]", from, to)) }
	switch op := op.(type) {
	case ConvBlock:
		return "conv" + slice(op.From, op.To) + when(op.Bias, "+bias") + when(op.Norm.On, "+norm") + when(op.Norm.ScaleOnly, "(scale)") +
			when(op.Residual, "+residual") + when(op.Activation != "", "+"+string(op.Activation))
	case ConvBlockGradInput:
		return "gradInput" + slice(op.From, op.To) + when(op.Norm.On, "+norm")
	case ConvBlockGradWeight:
		return "gradWeight" + when(op.Norm.On, "+norm")
	case ResizeBlock:
		return "resize" + when(op.More > 0, fmt.Sprintf("(%d)", op.ResidualAt())) + when(op.Residual, "+residual") + when(op.ReLU, "+relu")
	case ScaleBlock:
		return "scale" + when(op.Residual, "+residual") + when(op.ReLU, "+relu")
	case NormBlock:
		return "batchNorm" + when(op.Residual, "+residual") + when(op.ReLU, "+relu")
	}
	name, _, _ := strings.Cut(nn.Name(op), "{")
	return name
}

// fused is the steps of a training or inference graph after fusion.
func fused(t *testing.T, training bool, build func(g *nn.Graph, x *nn.Node) []*nn.Node) (steps []string) {
	t.Helper()
	g := nn.NewGraph(nn.NewParams(1), training)
	var out []*nn.Node
	require.NoError(t, nn.Build(func() { out = build(g, g.Input("x", 1, 8, 8, 4)) }))
	p := newProgram(g, [][]*nn.Node{out})
	for _, m := range g.Moments() {
		p.nodes[m.Node].kept = true
	}
	p.fuse()
	for _, s := range p.steps {
		steps = append(steps, brief(s.op))
	}
	checkUses(t, p)
	return steps
}

// checkUses recounts the reads of every value and checks the order of steps.
func checkUses(t *testing.T, p *program) {
	t.Helper()
	reads, done := map[*value]int{}, map[*value]bool{}
	for _, s := range p.steps {
		require.Same(t, s, s.out.def, "%s does not define its output", brief(s.op))
		for _, v := range s.in {
			reads[v]++
			if v.def != nil {
				require.True(t, done[v], "%s reads %s before it is computed", brief(s.op), v.name)
			}
		}
		done[s.out] = true
	}
	for v, n := range reads {
		assert.Equal(t, n, v.uses, "uses of %s", v.name)
	}
}

var conv3x3 = nn.Conv2D{Stride: 1, Pad: 1}

func hardSwish(x *nn.Node) *nn.Node { return nn.Apply(nn.HardSwish{}, x) }

func TestFusion(t *testing.T) {
	type nodes = []*nn.Node
	conv := func(g *nn.Graph, x *nn.Node, name string) *nn.Node { return g.Conv(x, name, 4, 3, conv3x3) }
	part := func(g *nn.Graph, x *nn.Node, from, to, groups int) *nn.Node {
		w := g.Param("w", nn.Weight, nn.HeFanOut, 4, 12, 1, 1)
		return nn.Conv(x, nn.Apply(nn.Slice{Axis: 1, From: from, To: to}, w), nil, nn.Conv2D{Stride: 1, Groups: groups})
	}
	for name, c := range map[string]struct {
		build func(g *nn.Graph, x *nn.Node) []*nn.Node
		want  string
	}{
		"conv norm relu": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Relu(g.Norm(conv(g, x, "c"), "n"))}
		}, "conv+norm+relu"},
		"bias keeps the norm out": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{g.Norm(g.BiasedConv(x, "c", 4, 3, conv3x3, 1), "n")}
		}, "conv+bias FrozenBatchNorm2D"},
		"residual": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Relu(nn.Sum(x, g.Norm(conv(g, x, "c"), "n")))}
		}, "conv+norm+residual+relu"},
		"a sum of three hangs on a chain": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Relu(nn.Sum(conv(g, x, "a"), conv(g, x, "b"), conv(g, x, "c")))}
		}, "conv conv+residual conv+residual+relu"},
		"a rectified term is no residual block": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Sum(x, nn.Relu(conv(g, x, "c")))}
		}, "conv+relu Add"},
		"twice the same": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "c")
			return nodes{nn.Relu(nn.Sum(y, y))}
		}, "conv AddReLU"},
		"hard swish": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{hardSwish(nn.Sum(x, g.Norm(conv(g, hardSwish(conv(g, x, "a")), "b"), "n")))}
		}, "conv+hardswish conv+norm+residual+hardswish"},
		"hard swish of other blocks": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{hardSwish(nn.Resize(nn.MaxPool(x, 2, 2, 0), 8, 8, nn.Nearest)), hardSwish(nn.Sum(x, x))}
		}, "MaxPool2D resize HardSwish Add HardSwish"},
		"two activations": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{hardSwish(nn.Relu(conv(g, x, "a"))), nn.Relu(hardSwish(conv(g, x, "b")))}
		}, "conv+relu HardSwish conv+hardswish ReLU"},
		"used twice": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "c")
			return nodes{nn.Relu(g.Norm(y, "n")), nn.MaxPool(y, 2, 2, 0)}
		}, "conv FrozenNormReLU MaxPool2D"},
		"kept": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := g.Norm(conv(g, x, "c"), "n")
			return nodes{y, nn.Relu(y)}
		}, "conv+norm ReLU"},
		"slice of a weight": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Sum(part(g, x, 0, 4, 1), part(g, x, 4, 8, 1))}
		}, "conv[0:4] conv[4:8]+residual"},
		"slice of a grouped weight": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{part(g, x, 2, 4, 2)}
		}, "Slice conv"},
		"excitation": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			s := nn.Apply(nn.Sigmoid{}, nn.MaxPool(conv(g, x, "s"), 8, 8, 0))
			return nodes{nn.Relu(nn.Sum(x, nn.Apply(nn.ScaleChannels{}, conv(g, x, "c"), s)))}
		}, "conv MaxPool2D Sigmoid conv scale+residual+relu"},
		"pre-activation": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{conv(g, nn.Relu(g.Norm(x, "n")), "c")}
		}, "FrozenNormReLU conv"},
		"resize": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Relu(nn.Sum(x, nn.Resize(nn.MaxPool(x, 2, 2, 0), 8, 8, nn.Nearest)))}
		}, "MaxPool2D resize+residual+relu"},
		"resizes of one sum": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			up := func(k int) *nn.Node { return nn.Resize(nn.MaxPool(x, k, k, 0), 8, 8, nn.Nearest) }
			return nodes{nn.Relu(nn.Sum(x, up(2), up(4), up(8)))}
		}, "MaxPool2D MaxPool2D MaxPool2D resize(3)+residual+relu"},
		"resizes of two modes": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := nn.MaxPool(x, 2, 2, 0)
			return nodes{nn.Sum(nn.Resize(y, 8, 8, nn.Nearest), nn.Resize(y, 8, 8, nn.Bilinear))}
		}, "MaxPool2D resize resize+residual"},
		"unused": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			conv(g, x, "unused")
			return nodes{nn.Relu(x)}
		}, "ReLU"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, strings.Join(fused(t, false, c.build), " "))
		})
	}
}

func TestFusionOfTraining(t *testing.T) {
	type nodes = []*nn.Node
	gradients := func(g *nn.Graph, y *nn.Node) []*nn.Node {
		grads, _ := g.Backward(nodes{y}, nodes{g.Input("dy", y.Shape()...)})
		out := nodes{y}
		for _, d := range grads {
			out = append(out, d.Node)
		}
		return out
	}
	frozen := func(g *nn.Graph, x *nn.Node, name string) *nn.Node {
		g.NormParams(name, x.Shape()[3])
		g.Params.Freeze(func(p *nn.Param) bool { return p.Kind != nn.Weight })
		return g.Norm(x, name)
	}
	for name, c := range map[string]struct {
		build func(g *nn.Graph, x *nn.Node) []*nn.Node
		want  string
	}{
		"batch norm": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return nodes{nn.Relu(nn.Sum(x, g.Norm(x, "n")))}
		}, "Moments2D batchNorm+residual+relu"},
		"a frozen norm's gradient goes into its convolution's": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := frozen(g, g.Conv(nn.Relu(g.Conv(x, "a", 4, 3, conv3x3)), "b", 4, 3, conv3x3), "n")
			return gradients(g, y)
		}, "conv+relu conv+norm gradInput+norm gradWeight+norm ReLUGrad gradWeight"},
		"a hard swish whose gradient reads its input": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return gradients(g, hardSwish(g.Conv(x, "a", 4, 3, conv3x3)))
		}, "conv HardSwish HardSwishGrad gradWeight"},
		"gradients that meet at a rectifier": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := nn.Relu(g.Conv(x, "a", 4, 3, conv3x3))
			return gradients(g, nn.Sum(y, g.Conv(y, "b", 4, 3, conv3x3)))
		}, "conv+relu conv+residual gradInput gradWeight AddReLUGrad gradWeight"},
		"slices that fill the whole": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			w := g.Param("w", nn.Weight, nn.HeFanOut, 4, 12, 1, 1)
			var y nodes
			for i := range 3 {
				y = append(y, nn.Conv(x, nn.Apply(nn.Slice{Axis: 1, From: 4 * i, To: 4*i + 4}, w), nil, nn.Conv2D{Stride: 1 + i}))
			}
			return gradients(g, nn.Sum(nn.GlobalAvgPool(y[0]), nn.GlobalAvgPool(y[1]), nn.GlobalAvgPool(y[2])))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(fused(t, true, c.build), " ")
			if c.want == "" { // sibling gradients come in the order gorgonia derives them
				assert.Equal(t, 3, strings.Count(got, "gradWeight"))
				assert.Contains(t, got, "Concat")
				assert.NotContains(t, got, "Embed")
				assert.NotContains(t, got, "Slice")
				return
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// Names of operations of this package are whole.
func TestNameOfOperation(t *testing.T) {
	assert.Equal(t, "AddReLU{}", nn.Name(AddReLU{}))
}

// Fused operations are no part of graphs that are differentiated.
func TestNoDerivatives(t *testing.T) {
	for _, op := range []nn.Op{ConvBlock{}, ConvBlockGradInput{}, ConvBlockGradWeight{}, ResizeBlock{}, NormBlock{}, AddReLU{}, AddReLUGrad{}, Cast{}} {
		_, ok := op.(nn.Differentiable)
		assert.False(t, ok, "%T", op)
	}
}
