package nn

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"reflect"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Node is a value in a graph: an input, a parameter or the result of an operation. It stands for a node of gorgonia's, which no other package sees.
type Node struct {
	graph *Graph
	expr  *gorgonia.Node
	name  string // of an input or parameter
	op    Op     // nil for inputs and parameters
	in    []*Node
	shape Shape
	dtype DType
	role  Role
}

// Shape is the node's shape; do not change it.
func (n *Node) Shape() Shape { return n.shape }

// DType is the type of the node's elements.
func (n *Node) DType() DType { return n.dtype }

// Role says what the node's value is.
func (n *Node) Role() Role { return n.role }

// Op is the operation that computes the node, nil for inputs and parameters.
func (n *Node) Op() Op { return n.op }

// Inputs lists what the operation is applied to.
func (n *Node) Inputs() []*Node { return n.in }

// ID increases in the order in which the nodes of a graph were made.
func (n *Node) ID() int64 { return n.expr.ID() }

// Name is that of an input or parameter, or the operation's.
func (n *Node) Name() string {
	if n.op != nil {
		return Name(n.op)
	}
	return n.name
}

// Apply adds the operation's result to the graph of its inputs. Applying the same operation to the same nodes again gives the same node.
func Apply(op Op, in ...*Node) *Node {
	g := in[0].graph
	shapes, roles := make([]Shape, len(in)), make([]Role, len(in))
	types, exprs := make([]hm.Type, len(in)+1), make([]*gorgonia.Node, len(in))
	for i, n := range in {
		shapes[i], roles[i], types[i], exprs[i] = n.shape, n.role, n.expr.Type(), n.expr
	}
	out, err := op.OutShape(shapes)
	if err != nil {
		Fail("%s of %v: %w", Name(op), shapes, err)
	}
	dtype := in[0].dtype
	if t, ok := op.(typed); ok {
		dtype = t.OutType()
	}
	types[len(in)] = gorgonia.TensorType{Dims: len(out), Of: dtype.gorgonia()}
	expr, err := gorgonia.ApplyOp(&applied{op, g, hm.NewFnType(types...), len(in)}, exprs...)
	if err != nil {
		Fail("%s of %v: %w", Name(op), shapes, err)
	}
	if n := g.of[expr]; n != nil {
		return n
	}
	_, role := RolesOf(op, roles)
	return g.add(&Node{graph: g, expr: expr, op: op, in: in, shape: out, dtype: dtype, role: role})
}

// gorgonia is gorgonia's name of the type; graphs have no others.
func (t DType) gorgonia() tensor.Dtype {
	switch t {
	case Float32:
		return tensor.Float32
	case Float64:
		return tensor.Float64
	case Int32:
		return tensor.Int32
	case UInt8:
		return tensor.Uint8
	}
	Fail("graphs have no values of type %v", t)
	return tensor.Dtype{}
}

// add makes a node known by its expression.
func (g *Graph) add(n *Node) *Node {
	g.of[n.expr] = n
	g.list = append(g.list, n)
	return n
}

// node is what an expression stands for. Those that are not known yet are the sums by which gorgonia adds up the gradients of a value that is
// used more than once.
func (g *Graph) node(expr *gorgonia.Node) *Node {
	if n := g.of[expr]; n != nil {
		return n
	}
	if reflect.TypeOf(expr.Op()) != g.sum {
		Fail("gorgonia's operation %v has no place in a graph of package nn", expr.Op())
	}
	var in []*Node
	for it := g.expr.From(expr.ID()); it.Next(); {
		in = append(in, g.node(it.Node().(*gorgonia.Node)))
	}
	_, role := RolesOf(Add{}, []Role{in[0].role, in[1].role})
	return g.add(&Node{graph: g, expr: expr, op: Add{}, in: in, shape: in[0].shape, dtype: in[0].dtype, role: role})
}

// sumType is the type of gorgonia's addition.
func sumType() reflect.Type {
	g := gorgonia.NewGraph()
	term := func(name string) *gorgonia.Node {
		return gorgonia.NewVector(g, tensor.Float32, gorgonia.WithShape(1), gorgonia.WithName(name))
	}
	return reflect.TypeOf(gorgonia.Must(gorgonia.Add(term("a"), term("b"))).Op())
}

// applied makes an operation a gorgonia.SDOp at the types it is applied to.
type applied struct {
	Op
	graph *Graph
	typ   hm.Type
	arity int
}

func (a *applied) Arity() int           { return a.arity }
func (a *applied) Type() hm.Type        { return a.typ }
func (a *applied) ReturnsPtr() bool     { return false }
func (a *applied) CallsExtern() bool    { return false }
func (a *applied) OverwritesInput() int { return -1 }
func (a *applied) String() string       { return Name(a.Op) }

func (a *applied) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	sizes, err := gorgonia.DimSizersToShapes(in)
	if err != nil {
		return nil, err
	}
	shapes := make([]Shape, len(sizes))
	for i, s := range sizes {
		shapes[i] = Shape(s)
	}
	out, err := a.OutShape(shapes)
	return tensor.Shape(out), err
}

var errNotRun = errors.New("nn operations are run by engine.Compile, not by gorgonia's own machines")

func (a *applied) Do(...gorgonia.Value) (gorgonia.Value, error) { return nil, errNotRun }

func (a *applied) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%T%+v", a.Op, a.Op) }

func (a *applied) Hashcode() uint32 {
	h := fnv.New32a()
	a.WriteHash(h)
	return h.Sum32()
}

func (a *applied) DiffWRT(n int) []bool {
	wrt := make([]bool, n)
	switch op := a.Op.(type) {
	case Differentiable:
		return op.Wrt(n)
	case Detached:
		return wrt
	}
	// Without a derivative, SymDiff says so where one is needed; a false here
	// would make it zero.
	for i := range wrt {
		wrt[i] = true
	}
	return wrt
}

func (a *applied) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (grads gorgonia.Nodes, err error) {
	d, ok := a.Op.(Differentiable)
	if !ok {
		return nil, fmt.Errorf("%s has no derivative", Name(a.Op))
	}
	grads = make(gorgonia.Nodes, len(in))
	err = Build(func() {
		nodes := make([]*Node, len(in))
		for i, expr := range in {
			nodes[i] = a.graph.node(expr)
		}
		for i, n := range d.Diff(nodes, a.graph.node(out), a.graph.node(grad)) {
			if n != nil {
				grads[i] = n.expr
			}
		}
	})
	return grads, err
}
