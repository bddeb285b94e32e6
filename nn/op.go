package nn

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Node is a value in a gorgonia graph.
type Node = gorgonia.Node

// Op is an operation: a comparable struct whose fields are all its attributes.
type Op interface {
	// OutShape gives the shape of the result for the shapes of the inputs, or
	// says what does not fit.
	OutShape(in []tensor.Shape) (tensor.Shape, error)
}

// typed is an operation whose result has not the type of its first input.
type typed interface {
	Op
	OutType() tensor.Dtype
}

// Differentiable is an operation with a derivative. Gradients are not: asking
// for a derivative that needs one of theirs fails.
type Differentiable interface {
	Op
	// Diff returns, for each input, the node of its gradient given the gradient
	// of the output; nil, or nothing at the end, where Wrt says no.
	Diff(in []*Node, out, grad *Node) []*Node
	// Wrt says which of n inputs Diff gives a gradient for.
	Wrt(n int) []bool
}

// Error is what builders panic with; Build returns it.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Fail stops the building of a graph with an error.
func Fail(format string, args ...any) { panic(&Error{fmt.Errorf(format, args...)}) }

// Build runs f, which builds graphs, and returns the *Error it stopped with.
func Build(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	f()
	return nil
}

// Apply adds the operation's result to the graph of its inputs.
func Apply(op Op, in ...*Node) *Node {
	shapes := make([]tensor.Shape, len(in))
	types := make([]hm.Type, len(in)+1)
	for i, n := range in {
		shapes[i], types[i] = n.Shape(), n.Type()
	}
	out, err := op.OutShape(shapes)
	if err != nil {
		Fail("%s of %v: %w", Name(op), shapes, err)
	}
	of := in[0].Dtype()
	if t, ok := op.(typed); ok {
		of = t.OutType()
	}
	types[len(in)] = gorgonia.TensorType{Dims: len(out), Of: of}
	node, err := gorgonia.ApplyOp(&applied{op, hm.NewFnType(types...), len(in)}, in...)
	if err != nil {
		Fail("%s of %v: %w", Name(op), shapes, err)
	}
	return node
}

// Of returns the operation behind a node; false for inputs, parameters and
// gorgonia's own operations.
func Of(n *Node) (Op, bool) {
	a, ok := n.Op().(*applied)
	if !ok {
		return nil, false
	}
	return a.Op, true
}

// Name is the operation's name with its attributes, for messages and profiles.
func Name(op Op) string {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", op), ".")
	return name + fmt.Sprintf("%+v", op)
}

// applied makes an operation a gorgonia.SDOp at the types it is applied to.
type applied struct {
	Op
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
	shapes, err := gorgonia.DimSizersToShapes(in)
	if err != nil {
		return nil, err
	}
	return a.OutShape(shapes)
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
	case Moments2D, Pictures:
		return wrt
	}
	// Without a derivative, SymDiff says so where one is needed; a false here
	// would make it zero.
	for i := range wrt {
		wrt[i] = true
	}
	return wrt
}

func (a *applied) SymDiff(in gorgonia.Nodes, out, grad *Node) (grads gorgonia.Nodes, err error) {
	d, ok := a.Op.(Differentiable)
	if !ok {
		return nil, fmt.Errorf("%s has no derivative", Name(a.Op))
	}
	grads = make(gorgonia.Nodes, len(in))
	err = Build(func() { copy(grads, d.Diff(in, out, grad)) })
	return grads, err
}

// first says that only the first `smooth` of n inputs are differentiated.
func first(smooth, n int) []bool {
	w := make([]bool, n)
	for i := 0; i < smooth && i < n; i++ {
		w[i] = true
	}
	return w
}

func wantInputs(in []tensor.Shape, least, most int) error {
	switch {
	case len(in) >= least && len(in) <= most:
		return nil
	case least == most:
		return fmt.Errorf("%d inputs, want %d", len(in), least)
	}
	return fmt.Errorf("%d inputs, want %d to %d", len(in), least, most)
}

// channels is the length of the last dimension.
func channels(what string, s tensor.Shape) (int, error) {
	if len(s) == 0 {
		return 0, fmt.Errorf("%s is a scalar, want one dimension or more", what)
	}
	return s[len(s)-1], nil
}

func wantSize(height, width int) error {
	if height < 1 || width < 1 {
		return fmt.Errorf("size %dx%d must be positive", height, width)
	}
	return nil
}

func wantDims(what string, s tensor.Shape, dims int) error {
	if len(s) != dims {
		return fmt.Errorf("%s has shape %v, want %d dimensions", what, s, dims)
	}
	return nil
}

// wantShape compares dimension by dimension: tensor.Shape.Eq takes (2) and (2, 1)
// for equal.
func wantShape(what string, s tensor.Shape, want ...int) error {
	if !slices.Equal(s, want) {
		return fmt.Errorf("%s has shape %v, want %v", what, s, tensor.Shape(want))
	}
	return nil
}
