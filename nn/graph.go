package nn

import (
	"reflect"

	"gorgonia.org/gorgonia"
)

// Graph is a gorgonia graph being built, with the parameters it uses.
type Graph struct {
	Params *Params
	// Training makes BatchNorm normalise by batch moments where it is not frozen.
	Training bool

	expr *gorgonia.ExprGraph
	of   map[*gorgonia.Node]*Node
	list []*Node
	sum  reflect.Type // of gorgonia's addition

	dtype   DType
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
	return NewGraphOf(Float32, params, training)
}

// NewGraphOf starts a graph of another float type, for checking derivatives.
func NewGraphOf(dtype DType, params *Params, training bool) *Graph {
	return &Graph{
		Params: params, Training: training,
		expr: gorgonia.NewGraph(), of: map[*gorgonia.Node]*Node{}, sum: sumType(),
		dtype: dtype, bound: map[*Node]*Param{}, nodes: map[string]*Node{},
	}
}

// Input adds an input of the graph's float type that keeps its precision.
func (g *Graph) Input(name string, shape ...int) *Node { return g.input(name, g.dtype, Full, shape) }

// Features adds an input of activations: images, feature maps, or gradients with respect to them.
func (g *Graph) Features(name string, shape ...int) *Node {
	return g.input(name, g.dtype, Activation, shape)
}

// Labels adds an input of int32 labels, or other whole numbers.
func (g *Graph) Labels(name string, shape ...int) *Node { return g.input(name, Int32, Index, shape) }

// Bytes adds an input of bytes.
func (g *Graph) Bytes(name string, shape ...int) *Node { return g.input(name, UInt8, Byte, shape) }

// Nodes lists the nodes in the order in which they were made.
func (g *Graph) Nodes() []*Node { return g.list }

func (g *Graph) input(name string, dtype DType, role Role, shape Shape) *Node {
	if g.nodes[name] != nil {
		Fail("the graph has two inputs, or an input and a parameter, named %s", name)
	}
	n := g.leaf(name, dtype, role, shape)
	g.inputs = append(g.inputs, n)
	return n
}

func (g *Graph) leaf(name string, dtype DType, role Role, shape Shape) *Node {
	expr := gorgonia.NewTensor(g.expr, dtype.gorgonia(), len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
	n := g.add(&Node{graph: g, expr: expr, name: name, shape: shape.Clone(), dtype: dtype, role: role})
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
	n := g.leaf(name, g.dtype, Parameter, shape)
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
	at := exprs(wrt)
	for _, p := range g.Params.All() {
		if n := g.nodes[p.Name]; g.bound[n] == p && p.Kind.Learned() && !p.Frozen {
			params, at = append(params, p), append(at, n.expr)
		}
	}
	derived, err := gorgonia.Backpropagate(exprs(outputs), exprs(seeds), at)
	if err != nil {
		Fail("deriving the backward graph: %w", err)
	}
	for _, expr := range derived[:len(wrt)] {
		further = append(further, g.node(expr))
	}
	for i, p := range params {
		grads = append(grads, Gradient{p, g.node(derived[len(wrt)+i])})
	}
	return grads, further
}

// exprs are gorgonia's nodes.
func exprs(nodes []*Node) gorgonia.Nodes {
	list := make(gorgonia.Nodes, len(nodes))
	for i, n := range nodes {
		list[i] = n.expr
	}
	return list
}
