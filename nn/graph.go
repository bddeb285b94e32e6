package nn

import (
	"reflect"

	"gorgonia.org/gorgonia"
)

// Graph is a gorgonia graph being built, with the parameters it uses.
type Graph struct {
	Params *Params
	// Training makes BatchNorm normalise by the batch mean and variance, unless it is frozen.
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

// Moments holds the node of a BatchNorm's batch mean and variance in a training graph.
type Moments struct {
	Node           *Node // (2, C)
	Mean, Variance *Param
	Count          int // number of values per channel
}

// NewGraph returns an empty float32 graph on a set of parameters.
func NewGraph(params *Params, training bool) *Graph {
	return NewGraphOf(Float32, params, training)
}

// NewGraphOf returns an empty graph of another float type, to check derivatives.
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

// Labels adds an input of int32 labels or other integers.
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

// Param returns the node of a parameter. If the set does not have the parameter yet, Param adds it with its initial values.
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

// ParamOf returns the parameter of a node; nil if n is not the node of a parameter.
func (g *Graph) ParamOf(n *Node) *Param { return g.bound[n] }

// Inputs lists the inputs in the order in which they were added.
func (g *Graph) Inputs() []*Node { return g.inputs }

// Moments lists the batch means and variances computed in this graph, in order.
func (g *Graph) Moments() []Moments { return g.moments }

// Gradient pairs a parameter with the node of its gradient.
type Gradient struct {
	Param *Param
	Node  *Node
}

// Backward returns the gradients of outputs with respect to the trainable parameters that the graph uses and that are not frozen, in Params order,
// and with respect to the nodes wrt. upstream are the upstream gradients, one per output and of its shape.
func (g *Graph) Backward(outputs, upstream []*Node, wrt ...*Node) (grads []Gradient, further []*Node) {
	var params []*Param
	at := exprs(wrt)
	for _, p := range g.Params.All() {
		if n := g.nodes[p.Name]; g.bound[n] == p && p.Kind.Learned() && !p.Frozen {
			params, at = append(params, p), append(at, n.expr)
		}
	}
	derived, err := gorgonia.Backpropagate(exprs(outputs), exprs(upstream), at)
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
