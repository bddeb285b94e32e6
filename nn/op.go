package nn

import (
	"fmt"
	"slices"
	"strings"
)

// Op is an operation: a comparable struct whose fields are all its attributes.
type Op interface {
	// OutShape gives the shape of the result for the shapes of the inputs, or
	// says what does not fit.
	OutShape(in []Shape) (Shape, error)
}

// typed is an operation whose result has not the type of its first input.
type typed interface {
	Op
	OutType() DType
}

// InPlacer is an operation whose output may take the memory of an input.
type InPlacer interface {
	Op
	// InPlace lists the inputs whose memory the output may take, best first.
	InPlace() []int
}

// Mover is an operation that copies values, whatever type they have.
type Mover interface {
	Op
	Moves()
}

// Detached is an operation whose output counts as a constant in derivatives, and why.
type Detached interface {
	Op
	ZeroDerivative() string
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

// Name is the operation's name with its attributes, for messages and profiles.
func Name(op Op) string {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", op), ".")
	return name + fmt.Sprintf("%+v", op)
}

// secondDerivative is why the operations of derivatives have none.
const secondDerivative = "it is part of a derivative, and second derivatives are not taken"

// first says that only the first `smooth` of n inputs are differentiated.
func first(smooth, n int) []bool {
	w := make([]bool, n)
	for i := 0; i < smooth && i < n; i++ {
		w[i] = true
	}
	return w
}

func wantInputs(in []Shape, least, most int) error {
	switch {
	case len(in) >= least && len(in) <= most:
		return nil
	case least == most:
		return fmt.Errorf("%d inputs, want %d", len(in), least)
	}
	return fmt.Errorf("%d inputs, want %d to %d", len(in), least, most)
}

// channels is the length of the last dimension.
func channels(what string, s Shape) (int, error) {
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

func wantDims(what string, s Shape, dims int) error {
	if len(s) != dims {
		return fmt.Errorf("%s has shape %v, want %d dimensions", what, s, dims)
	}
	return nil
}

// wantShape compares dimension by dimension: Shape.Eq takes (2) and (2, 1)
// for equal.
func wantShape(what string, s Shape, want ...int) error {
	if !slices.Equal(s, want) {
		return fmt.Errorf("%s has shape %v, want %v", what, s, Shape(want))
	}
	return nil
}
