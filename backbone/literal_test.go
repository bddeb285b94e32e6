package backbone

import (
	"math"
	"testing"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSplitEqualsLiteral draws structures, ways to downsample, sizes and modes: the form that runs
// equals the paper's definition, in outputs, gradients and batch moments.
func TestSplitEqualsLiteral(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		scales := rapid.SampledFrom([][]int{{1}, {1, 2}, {1, 3}, {1, 2, 4}, {1, 2, 4, 7}}).Draw(t, "scales")
		blocks := rapid.SliceOfN(rapid.IntRange(1, 2), 1, 2).Draw(t, "blocks")
		planes := make([]int, len(blocks))
		var rows Structure
		for i, n := range blocks {
			planes[i] = rapid.IntRange(1, 4).Draw(t, "planes")
			for range n {
				row := rapid.SliceOfN(rapid.IntRange(0, 3), len(scales), len(scales)).Draw(t, "neurons")
				row[rapid.IntRange(0, len(scales)-1).Draw(t, "present")]++
				rows = append(rows, append(row, rapid.SampledFrom([]int{1, 2, 4, 7, 56}).Draw(t, "side")))
			}
		}
		n, err := NewScaleNet(Config{Stem: Stem{Channels: 3, Kernel: 3}, Blocks: blocks, Planes: planes, Scales: scales, Structure: rows,
			Downsample: rapid.SampledFrom([]Downsample{"", MaxPool, AveragePool, Strided, Dilated}).Draw(t, "downsample")})
		require.NoError(t, err)
		side := rapid.IntRange(n.MinSide(n.Stages()), n.MinSide(n.Stages())+23)
		run := literalRun{
			images: rapid.IntRange(1, 2).Draw(t, "images"),
			height: side.Draw(t, "height"), width: side.Draw(t, "width"),
			training: rapid.Bool().Draw(t, "training"), frozen: rapid.Bool().Draw(t, "frozen"),
		}
		want, got := run.values(t, n.Literal()), run.values(t, n)
		require.Equal(t, len(want), len(got))
		for name, w := range want {
			g, ok := got[name]
			require.True(t, ok, name)
			// A gradient may be zero but for the rounding of what cancels out.
			scale, worst := 0.1, 0.0
			for i := range w {
				scale = math.Max(scale, math.Abs(w[i]))
				worst = math.Max(worst, math.Abs(w[i]-g[i]))
			}
			require.LessOrEqual(t, worst, 1e-7*scale, name)
		}
	})
}

// literalRun runs a network and its backward graph in float64, so that forms
// differ by a mistake and not by rounding.
type literalRun struct {
	images, height, width int
	training              bool
	frozen                bool // the norms, in training
}

func (r literalRun) values(t *rapid.T, n *ScaleNet) map[string][]float64 {
	params := nn.NewParams(0)
	graph := func(training bool) (g *nn.Graph, x, y *nn.Node) {
		g = nn.NewGraphOf(nn.Float64, params, training)
		x = g.Features("images", r.images, r.height, r.width, 3)
		return g, x, Features(g, n, x, n.Stages())
	}
	graph(false)
	fillByFormula(params)
	params.Freeze(func(p *nn.Param) bool { return r.frozen && p.Kind != nn.Weight && p.Kind != nn.Bias })
	g, x, y := graph(r.training)
	seed := g.Input("seed", y.Shape()...)
	outputs := map[string]*nn.Node{"features": y}
	if r.training {
		grads, further := g.Backward([]*nn.Node{y}, []*nn.Node{seed}, x)
		outputs["gradient of images"] = further[0]
		for _, gr := range grads {
			outputs["gradient of "+gr.Param.Name] = gr.Node
		}
	}
	var all []*nn.Node
	for _, o := range outputs {
		all = append(all, o)
	}
	dev := ref.New(ref.Options{})
	plan, err := engine.Compile(dev, engine.NewStore(dev, params), engine.Spec{Graph: g, Stages: [][]*nn.Node{all}})
	require.NoError(t, err)
	defer plan.Close()
	require.NoError(t, plan.Write(x, formula("images", x.Shape().TotalSize())))
	require.NoError(t, plan.Write(seed, formula("seed", y.Shape().TotalSize())))
	require.NoError(t, plan.RunAll())
	values := map[string][]float64{}
	for name, o := range outputs {
		values[name] = make([]float64, o.Shape().TotalSize())
		require.NoError(t, plan.Read(o, values[name]))
	}
	for _, m := range g.Moments() {
		batch := make([]float64, m.Node.Shape().TotalSize())
		require.NoError(t, plan.Read(m.Node, batch))
		values["moments of "+m.Mean.Name] = append(batch, float64(m.Count))
	}
	return values
}
