package nn

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Graph is a gorgonia graph being built, with the parameters it uses.
type Graph struct {
	Expr   *gorgonia.ExprGraph
	Params *Params
	// Training makes BatchNorm normalise by batch moments where it is not frozen.
	Training bool

	dtype   tensor.Dtype
	bound   map[*Node]*Param
	nodes   map[string]*Node
	inputs  []*Node
	moments []Moments
}

// Moments is where a BatchNorm's batch moments appear in a training graph.
type Moments struct {
	Node           *Node // (2, C)
	Mean, Variance *Param
	Count          int // the number of values a channel's moments were taken over
}

// NewGraph starts a float32 graph on a set of parameters.
func NewGraph(params *Params, training bool) *Graph {
	return NewGraphOf(tensor.Float32, params, training)
}

// NewGraphOf starts a graph of another float type, for checking derivatives.
func NewGraphOf(dtype tensor.Dtype, params *Params, training bool) *Graph {
	return &Graph{
		Expr: gorgonia.NewGraph(), Params: params, Training: training,
		dtype: dtype, bound: map[*Node]*Param{}, nodes: map[string]*Node{},
	}
}

// Input adds an input of the graph's float type.
func (g *Graph) Input(name string, shape ...int) *Node { return g.input(name, g.dtype, shape) }

// Labels adds an input of int32 labels, or other whole numbers.
func (g *Graph) Labels(name string, shape ...int) *Node { return g.input(name, tensor.Int32, shape) }

// Bytes adds an input of bytes.
func (g *Graph) Bytes(name string, shape ...int) *Node { return g.input(name, tensor.Uint8, shape) }

func (g *Graph) input(name string, dtype tensor.Dtype, shape tensor.Shape) *Node {
	if g.nodes[name] != nil {
		Fail("the graph has two inputs, or an input and a parameter, named %s", name)
	}
	n := g.leaf(name, dtype, shape)
	g.inputs = append(g.inputs, n)
	return n
}

func (g *Graph) leaf(name string, dtype tensor.Dtype, shape tensor.Shape) *Node {
	n := gorgonia.NewTensor(g.Expr, dtype, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
	g.nodes[name] = n
	return n
}

// Param is the node of a parameter, which is made with its initial values if
// the set does not have it yet.
func (g *Graph) Param(name string, kind Kind, init Init, shape ...int) *Node {
	p := g.Params.ensure(name, kind, init, shape)
	if n := g.nodes[name]; n != nil {
		if g.bound[n] == nil {
			Fail("the graph has an input named %s, like a parameter", name)
		}
		return n
	}
	n := g.leaf(name, g.dtype, shape)
	g.bound[n] = p
	return n
}

// ParamOf is the parameter behind a node, nil for every other node.
func (g *Graph) ParamOf(n *Node) *Param { return g.bound[n] }

// Inputs lists the inputs in the order in which they were added.
func (g *Graph) Inputs() []*Node { return g.inputs }

// Moments lists the batch moments taken in this graph, in order.
func (g *Graph) Moments() []Moments { return g.moments }

// Gradient pairs a parameter with the node of its gradient.
type Gradient struct {
	Param *Param
	Node  *Node
}

// Backward derives the gradients of outputs by the learned parameters that the
// graph uses and that are not frozen, in their order, and by further nodes.
// seeds are the gradients of the outputs, nodes of equal shapes.
func (g *Graph) Backward(outputs, seeds []*Node, wrt ...*Node) (grads []Gradient, further []*Node) {
	var params []*Param
	nodes := append(gorgonia.Nodes(nil), wrt...)
	for _, p := range g.Params.All() {
		if n := g.nodes[p.Name]; g.bound[n] == p && p.Kind.Learned() && !p.Frozen {
			params, nodes = append(params, p), append(nodes, n)
		}
	}
	d, err := gorgonia.Backpropagate(outputs, seeds, nodes)
	if err != nil {
		Fail("deriving the backward graph: %w", err)
	}
	for i, p := range params {
		grads = append(grads, Gradient{p, d[len(wrt)+i]})
	}
	return grads, d[:len(wrt):len(wrt)]
}
