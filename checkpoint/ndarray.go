package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"scalenet/internal/brief"
)

// ndarray is an array or a scalar of NumPy, as the pickle describes it.
type ndarray struct {
	dtype *numpyType // nil before the pickle sets its state
	shape []int
	order string // "C" (row-major), "F" (column-major), or "K" by axes
	axes  []int  // of order "K": row-major data of shape, whose axes are then permuted
	data  any    // a blob, or a string if Python 2 wrote it
}

// numpyType is a dtype: kind and size of an element such as "f4", and the byte order, ""
// if the pickle has none.
type numpyType struct{ code, order string }

// numpyTypes has the supported types by code.
var numpyTypes = map[string]DType{
	"f8": F64, "f4": F32, "f2": F16, "i8": I64, "i4": I32, "i2": I16, "i1": I8, "u8": U64, "u4": U32, "u2": U16, "u1": U8, "b1": Bool, "c8": C64,
}

// arrayCost is the cost in bytes of an array, in addition to its dimensions and its data.
const arrayCost = 5 * objectCost

// newType returns numpy.dtype(code, align, copy).
func (u *unpickler) newType(args tuple) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("broken pickle: a dtype without a name")
	}
	code, ok := args[0].(string)
	if !ok {
		return nil, fmt.Errorf("broken pickle: a dtype whose name is a %s", kindOf(args[0]))
	}
	return &numpyType{code: code}, nil
}

// reconstruct returns an array, whose state follows.
func (u *unpickler) reconstruct(tuple) (any, error) {
	return &view{array: &ndarray{}}, u.pay(arrayCost)
}

// numpyScalar returns scalar(dtype, data).
func (u *unpickler) numpyScalar(args tuple) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("broken pickle: a NumPy scalar with %d arguments", len(args))
	}
	a := &ndarray{order: "C"}
	return &view{array: a}, u.fill(a, tuple{}, args[0], args[1])
}

// fromBuffer returns _frombuffer(data, dtype, shape, order) or, for order "K",
// _frombuffer(data, dtype, shape, order, axes): an array of protocol 5.
func (u *unpickler) fromBuffer(args tuple) (any, error) {
	if len(args) < 4 || len(args) > 5 {
		return nil, fmt.Errorf("broken pickle: an array with %d arguments", len(args))
	}
	a := &ndarray{}
	if err := u.fill(a, args[2], args[1], args[0]); err != nil {
		return nil, err
	}
	a.order, _ = args[3].(string)
	switch {
	case a.order == "C" || a.order == "F":
	case a.order == "K" && len(args) == 5:
		var ok bool
		if a.axes, ok = integers(args[4]); !ok || !isPermutation(a.axes, len(a.shape)) {
			return nil, fmt.Errorf("broken pickle: axes %v of an array of %d dimensions", a.axes, len(a.shape))
		}
	default:
		return nil, fmt.Errorf("broken pickle: an array of order %q, want C, F, or K with axes", brief.Text(a.order))
	}
	return &view{array: a}, u.pay(8 * len(a.axes))
}

func isPermutation(axes []int, n int) bool {
	sorted := slices.Sorted(slices.Values(axes))
	for i, axis := range sorted {
		if axis != i {
			return false
		}
	}
	return len(axes) == n
}

// build sets the state of the object on top of the stack, if it is an array or a dtype.
func (u *unpickler) build(state any) error {
	top, err := u.top()
	if err != nil {
		return err
	}
	fields, _ := state.(tuple)
	switch object := top.(type) {
	case *view: // (version, shape, dtype, is Fortran, data)
		if len(fields) != 5 {
			return fmt.Errorf("broken pickle: the state of an array is a %s of %d parts, want 5", kindOf(state), len(fields))
		}
		switch fields[3] {
		case false, 0:
			object.array.order = "C"
		case true, 1:
			object.array.order = "F"
		default:
			return fmt.Errorf("broken pickle: the order of an array is a %s, want a bool", kindOf(fields[3]))
		}
		return u.fill(object.array, fields[1], fields[2], fields[4])
	case *numpyType: // (version, byte order, ...)
		if len(fields) < 2 {
			return fmt.Errorf("broken pickle: the state of a dtype is a %s of %d parts", kindOf(state), len(fields))
		}
		var ok bool
		if object.order, ok = fields[1].(string); !ok {
			return fmt.Errorf("broken pickle: the byte order of a dtype is a %s", kindOf(fields[1]))
		}
	}
	return nil
}

// fill sets the fields of an array. Whether they fit each other is checked only if the
// array is used, so that the error has its name.
func (u *unpickler) fill(a *ndarray, shape, dtype, data any) error {
	var ok bool
	if a.dtype, ok = dtype.(*numpyType); !ok {
		return fmt.Errorf("broken pickle: the dtype of an array is a %s", kindOf(dtype))
	}
	if a.shape, ok = integers(shape); !ok {
		return fmt.Errorf("broken pickle: the shape of an array is a %s, want a tuple of at most %d integers", kindOf(shape), maxDims)
	}
	a.data = data
	return u.pay(arrayCost + 5*8*len(a.shape)) // with the strides, and copies of both
}

// view makes v a view of the array's data, which becomes the storage with this key.
func (a *ndarray) view(v *view, name, key string) error {
	if a.dtype == nil {
		return fmt.Errorf("tensor %q is an array without a state", brief.Text(name))
	}
	dtype, err := a.dtype.element()
	if err != nil {
		return fmt.Errorf("tensor %q %w", brief.Text(name), err)
	}
	has, err := a.size()
	if err != nil {
		return fmt.Errorf("tensor %q %w", brief.Text(name), err)
	}
	want, err := Info{name, dtype, a.shape}.bytes()
	if err != nil {
		return err
	}
	if want != has {
		return fmt.Errorf("tensor %q: dtype %s and shape %s take %d bytes, but the array has %d", brief.Text(name), dtype, brief.Value(a.shape), want, has)
	}
	v.storage, v.dtype = &storage{key: key, class: a.dtype.code, dtype: dtype, len: has / dtype.Size()}, dtype
	v.shape, v.stride = a.layout()
	return nil
}

// size returns the size of the array's data in bytes.
func (a *ndarray) size() (int, error) {
	switch data := a.data.(type) {
	case blob:
		return len(data), nil
	case string:
		return len(data), nil
	}
	return 0, fmt.Errorf("is an array whose data is a %s instead of bytes", kindOf(a.data))
}

// layout returns shape and strides in elements.
func (a *ndarray) layout() (shape, stride []int) {
	inMemory, axes := a.shape, a.axes
	if a.order == "F" {
		inMemory, axes = slices.Clone(a.shape), make([]int, len(a.shape))
		slices.Reverse(inMemory)
		for i := range axes {
			axes[i] = len(axes) - 1 - i
		}
	}
	stride = rowMajor(inMemory)
	if axes == nil {
		return a.shape, stride
	}
	shape, permuted := make([]int, len(axes)), make([]int, len(axes))
	for i, axis := range axes {
		shape[i], permuted[i] = inMemory[axis], stride[axis]
	}
	return shape, permuted
}

// element returns the type of an element. The error continues a sentence that begins with
// the tensor.
func (t *numpyType) element() (DType, error) {
	code, order := t.code, t.order
	if code != "" && strings.ContainsRune("<>=|", rune(code[0])) {
		code, order = code[1:], code[:1]
	}
	dtype := numpyTypes[code]
	switch {
	case strings.HasPrefix(code, "O"):
		return "", fmt.Errorf("is an array of Python objects (dtype %q), which is not supported", brief.Text(code))
	case dtype == "":
		return "", fmt.Errorf("has dtype %q, which is not supported", brief.Text(code))
	case order == ">" && dtype.Size() > 1:
		return "", fmt.Errorf("has dtype %q of byte order %q (big-endian), which is not supported", code, order)
	case !slices.Contains([]string{"", "<", ">", "=", "|"}, order):
		return "", fmt.Errorf("has dtype %q of the unknown byte order %q", code, brief.Text(order))
	}
	return dtype, nil
}
