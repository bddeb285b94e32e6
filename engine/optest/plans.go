package optest

import (
	"fmt"
	"math"

	"scalenet/engine"
	"scalenet/nn"
)

// Draw gives a number below n.
type Draw func(n int) int

// PlanOptions say what random graphs are made of and how they are run.
type PlanOptions struct {
	// Type is the graph's float type. In float64 it also normalises by batch
	// moments, which float32 takes too far apart in small batches.
	Type nn.DType
	// Backward derives the gradients of parameters and of the input.
	Backward bool
	// Features is the type of features and their gradients on the device.
	Features engine.DType
	// Tolerance is the part of an output's scale that results may differ by. Where
	// gradients are in shorter types, that of its Euclidean norm: a rounded value on
	// the other side of a rectifier's corner has quite another gradient.
	Tolerance float64
}

// ComparePlans draws a random graph of two stages and compares the device's
// plan with the oracle's. The oracle, which must not fuse, keeps every value of
// the graph, so that no two share memory and no step is left out.
func ComparePlans(oracle, device engine.Device, draw Draw, o PlanOptions) error {
	g, err := drawGraph(draw, o)
	if err != nil {
		return err
	}
	var all []*nn.Node
	for _, n := range g.Nodes() {
		if n.Op() != nil {
			all = append(all, n)
		}
	}
	want, err := g.results(oracle, engine.Spec{Graph: g.Graph, Stages: [][]*nn.Node{all, nil}})
	if err != nil {
		return fmt.Errorf("oracle: %w", err)
	}
	got, err := g.results(device, engine.Spec{Graph: g.Graph, Stages: g.stages, Features: o.Features})
	if err != nil {
		return fmt.Errorf("device: %w", err)
	}
	for stage, outputs := range g.stages {
		for i, n := range outputs {
			compare := Compare
			if o.Backward && o.Features.Is16Bit() {
				compare = compareNorm
			}
			if err := compare(got[n], want[n], o.Tolerance); err != nil {
				return fmt.Errorf("output %d of stage %d, %s %v: %w", i, stage, n.Name(), n.Shape(), err)
			}
		}
	}
	return nil
}

// compareNorm is Compare by Euclidean norms.
func compareNorm(got, want []float64, tolerance float64) error {
	var scale, difference float64
	for i, v := range want {
		scale += v * v
		difference += (got[i] - v) * (got[i] - v)
	}
	if !(difference <= tolerance*tolerance*scale) {
		return fmt.Errorf("off by %.2g of the norm %.3g, allowed %.2g", math.Sqrt(difference/scale), math.Sqrt(scale), tolerance)
	}
	return nil
}

// results runs a plan twice, which gives the same bits, and reads the outputs.
func (g *randomGraph) results(dev engine.Device, spec engine.Spec) (map[*nn.Node][]float64, error) {
	store := engine.NewStore(dev, g.Params)
	defer store.Close()
	plan, err := engine.Compile(dev, store, spec)
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	var results map[*nn.Node][]float64
	for run := range 2 {
		for _, n := range g.Inputs() {
			v := Fill{Kind: Uniform, Low: -1, High: 1}.Make(n.Shape().TotalSize(), Seed(n.Name()))
			if err := plan.Write(n, slice(n.DType(), v)); err != nil {
				return nil, err
			}
		}
		if err := plan.RunAll(); err != nil {
			return nil, err
		}
		read := map[*nn.Node][]float64{}
		for _, outputs := range g.stages {
			for _, n := range outputs {
				into := slice(n.DType(), make([]float64, n.Shape().TotalSize()))
				if err := plan.Read(n, into); err != nil {
					return nil, err
				}
				read[n] = floats(into)
				for i, v := range results[n] {
					if read[n][i] != v {
						return nil, fmt.Errorf("run %d gives %g for value %d of %s, the first gave %g", run, read[n][i], i, n.Name(), v)
					}
				}
			}
		}
		results = read
	}
	return results, nil
}

// slice is values in a slice of a graph's type.
func slice(t nn.DType, values []float64) any {
	if t == nn.Float64 {
		return values
	}
	v := make([]float32, len(values))
	for i, x := range values {
		v[i] = float32(x)
	}
	return v
}

func floats(values any) []float64 {
	if v, ok := values.([]float64); ok {
		return v
	}
	single := values.([]float32)
	v := make([]float64, len(single))
	for i, x := range single {
		v[i] = float64(x)
	}
	return v
}

// randomGraph is a graph of up to a dozen operations with its two stages.
type randomGraph struct {
	*nn.Graph
	draw   Draw
	o      PlanOptions
	nodes  []*nn.Node // images and features drawn so far
	named  int
	stages [][]*nn.Node
}

const side0, channels0 = 6, 4 // of the inputs

func drawGraph(draw Draw, o PlanOptions) (*randomGraph, error) {
	g := &randomGraph{Graph: nn.NewGraphOf(o.Type, nn.NewParams(1), o.Backward), draw: draw, o: o}
	err := nn.Build(func() {
		x := g.Features("x", 1+draw(2), side0, side0, channels0)
		g.nodes = []*nn.Node{x}
		for range 2 + draw(6) {
			g.add()
		}
		first := g.some()
		late := g.Features("late", x.Shape()...)
		g.nodes = append(g.nodes, late)
		for range draw(5) {
			g.add()
		}
		g.stages = [][]*nn.Node{first, append(g.some(), g.summary())}
		if o.Backward {
			y := g.stages[1][len(g.stages[1])-1]
			grads, further := g.Backward([]*nn.Node{y}, []*nn.Node{g.Input("dy", y.Shape()...)}, x, late)
			for _, d := range grads {
				further = append(further, d.Node)
			}
			g.stages[1] = append(g.stages[1], further...)
		}
	})
	g.fillParams()
	return g, err
}

// pick is one of the nodes drawn so far, a late one more often.
func (g *randomGraph) pick() *nn.Node {
	n := len(g.nodes)
	return g.nodes[n-1-min(g.draw(n), g.draw(n))]
}

// like is a node of the same shape but perhaps for the last dimension.
func (g *randomGraph) like(x *nn.Node, channels bool) *nn.Node {
	var fit []*nn.Node
	for _, n := range g.nodes {
		a, b := n.Shape(), x.Shape()
		if a[1] == b[1] && a[2] == b[2] && (a[3] == b[3] || !channels) {
			fit = append(fit, n)
		}
	}
	return fit[g.draw(len(fit))]
}

// some are up to two nodes to be read.
func (g *randomGraph) some() []*nn.Node {
	list := []*nn.Node{}
	for range g.draw(3) {
		if n := g.pick(); n.Op() != nil {
			list = append(list, n)
		}
	}
	return list
}

// summary reads every node that nothing else reads, so that each has a gradient.
func (g *randomGraph) summary() *nn.Node {
	read := map[*nn.Node]bool{}
	for _, n := range g.Nodes() {
		for _, in := range n.Inputs() {
			read[in] = true
		}
	}
	var means []*nn.Node
	for _, n := range g.nodes {
		if !read[n] {
			means = append(means, nn.GlobalAvgPool(n))
		}
	}
	return g.Linear(nn.Concatenate(1, means...), "fc", 3, nn.UniformFanIn(4))
}

func (g *randomGraph) name(what string) string {
	g.named++
	return fmt.Sprint(what, g.named)
}

// fillParams gives parameters values of their own, near one where they scale.
func (g *randomGraph) fillParams() {
	for _, p := range g.Params.All() {
		low, high := -1.0, 1.0
		if p.Kind == nn.NormWeight || p.Kind == nn.NormVariance {
			low, high = 0.5, 1.5
		}
		scale := 1.0
		if p.Kind == nn.Weight {
			scale = math.Sqrt(float64(p.Shape.TotalSize() / p.Shape[0]))
		}
		for i, v := range (Fill{Kind: Uniform, Low: low, High: high}).Make(len(p.Data), Seed(p.Name)) {
			p.Data[i] = float32(v / scale)
		}
	}
}
