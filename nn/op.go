package nn

import (
	"fmt"
	"slices"
	"strings"
)

// Op is an operation. Its type is a comparable struct whose fields are the operation's attributes.
type Op interface {
	// OutShape returns the shape of the output for the shapes of the inputs, or an error if they do not match.
	OutShape(in []Shape) (Shape, error)
}

// typed is an operation whose output has a type other than that of its first input.
type typed interface {
	Op
	OutType() DType
}

// InPlacer is an operation whose output may take the memory of an input.
type InPlacer interface {
	Op
	// InPlace returns the indices of the inputs whose memory the output may use, in order of preference.
	InPlace() []int
}

// Mover is an operation that only copies values and so works on every type.
type Mover interface {
	Op
	Moves()
}

// Detached is an operation whose output is a constant in derivatives. ZeroDerivative returns the reason.
type Detached interface {
	Op
	ZeroDerivative() string
}

// Differentiable is an operation with a derivative. The ...Grad operations do not implement it, so second derivatives are an error.
type Differentiable interface {
	Op
	// Diff returns the node of the gradient with respect to each input; grad is the gradient with respect to the output. The entry is nil, or missing at
	// the end, if Wrt is false.
	Diff(in []*Node, out, grad *Node) []*Node
	// Wrt reports for each of n inputs whether Diff returns its gradient.
	Wrt(n int) []bool
}

// Error is the value with which Fail panics, and the error that Build returns.
type Error struct{ Err error }

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Fail panics with an *Error, which Build returns.
func Fail(format string, args ...any) { panic(&Error{fmt.Errorf(format, args...)}) }

// Build runs f, which builds graphs. It returns the *Error with which f panicked, if any.
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

// Name returns the operation's name with its attributes, for messages and profiles.
func Name(op Op) string { return TypeName(op) + fmt.Sprintf("%+v", op) }

// TypeName returns the operation's name without its attributes, such as "MaxPool2D".
func TypeName(op Op) string {
	_, name, _ := strings.Cut(fmt.Sprintf("%T", op), ".")
	return name
}

// secondDerivative is why the operations of derivatives have none.
const secondDerivative = "the operation is part of a derivative, and second derivatives are not supported"

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

// wantShape returns an error if s and want differ.
func wantShape(what string, s Shape, want ...int) error {
	if !slices.Equal(s, want) {
		return fmt.Errorf("%s has shape %v, want %v", what, s, Shape(want))
	}
	return nil
}
