package engine

import (
	"testing"

	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// planned is the memory plan of a graph's outputs, unfused.
func planned(t *testing.T, build func(g *nn.Graph, x *nn.Node) []*nn.Node) (*program, *layout) {
	t.Helper()
	g := nn.NewGraph(nn.NewParams(1), false)
	var out []*nn.Node
	require.NoError(t, nn.Build(func() { out = build(g, g.Input("x", 1, 8, 8, 4)) }))
	p := newProgram(g, [][]*nn.Node{out})
	return p, newLayout(p)
}

func TestBuffers(t *testing.T) {
	const full = 4 * 8 * 8 * 4 // bytes of x
	conv := func(g *nn.Graph, x *nn.Node, name string) *nn.Node { return g.Conv(x, name, 4, 3, conv3x3) }
	for name, c := range map[string]struct {
		build func(g *nn.Graph, x *nn.Node) []*nn.Node
		bytes int
	}{
		"a chain takes two": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			for _, n := range []string{"a", "b", "c", "d", "e"} {
				x = conv(g, x, n)
			}
			return []*nn.Node{x}
		}, 2 * full},
		"a small value lies where a large one was": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return []*nn.Node{nn.Relu(conv(g, nn.MaxPool(conv(g, conv(g, x, "a"), "b"), 2, 2, 0), "c"))}
		}, 2 * full},
		"values lie side by side where a large one was": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, conv(g, x, "a"), "b")
			return []*nn.Node{nn.MaxPool(y, 2, 2, 0), nn.MaxPool(y, 2, 2, 0)}
		}, 2 * full},
		"in place": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return []*nn.Node{nn.Relu(nn.Relu(conv(g, x, "a")))}
		}, full},
		"not in place of an input": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return []*nn.Node{nn.Relu(x), nn.MaxPool(x, 8, 8, 0)}
		}, full + Alignment},
		"not in place of what is kept": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "a")
			return []*nn.Node{y, nn.Relu(y)}
		}, 2 * full},
		"not in place of what is read later": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "a")
			return []*nn.Node{nn.Sum(nn.Relu(y), y)}
		}, 2 * full},
		"not in place of what the step reads twice": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "a")
			return []*nn.Node{nn.Sum(y, nn.Reshaped(y, 1, 8, 8, 4))}
		}, 2 * full},
		"a view is no copy": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return []*nn.Node{nn.Reshaped(nn.Relu(nn.Reshaped(conv(g, x, "a"), 8, 32)), 256)}
		}, full},
		"a kept view keeps what it is a view of": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			y := conv(g, x, "a")
			return []*nn.Node{nn.Reshaped(y, 256), nn.Relu(y)}
		}, 2 * full},
		"a view of an input": {func(g *nn.Graph, x *nn.Node) []*nn.Node {
			return []*nn.Node{nn.Relu(nn.Reshaped(x, 256)), nn.Reshaped(x, 256)}
		}, full},
	} {
		t.Run(name, func(t *testing.T) {
			_, l := planned(t, c.build)
			assert.Equal(t, c.bytes, l.arrange())
		})
	}
}

// No step overwrites what a later step reads.
func TestBuffersAreNotSharedInTime(t *testing.T) {
	p, l := planned(t, func(g *nn.Graph, x *nn.Node) []*nn.Node {
		var terms []*nn.Node
		for _, name := range []string{"a", "b", "c", "d"} {
			x = nn.Relu(g.Conv(x, name, 4, 3, conv3x3))
			terms = append(terms, nn.MaxPool(x, 2, 2, 0))
		}
		return []*nn.Node{nn.Concatenate(3, terms...)}
	})
	holds := make([]*value, l.arrange())
	for _, s := range p.steps {
		for _, v := range s.in {
			if b := l.of[root(v)]; b != nil {
				for _, held := range holds[b.at : b.at+b.bytes] {
					require.Same(t, root(v), held, "%s reads overwritten %s", nn.Name(s.op), v.name)
				}
			}
		}
		if b := l.of[s.out]; b != nil {
			for i := range b.bytes {
				holds[b.at+i] = s.out
			}
		}
	}
}
