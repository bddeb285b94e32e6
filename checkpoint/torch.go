package checkpoint

import (
	"errors"
	"fmt"
	"strings"

	"scalenet/internal/brief"
)

// storageTypes has the types of PyTorch's storage classes, by the name before "Storage".
var storageTypes = map[string]DType{
	"Double": F64, "Float": F32, "Half": F16, "BFloat16": BF16, "Long": I64, "Int": I32, "Short": I16, "Char": I8, "Byte": U8, "Bool": Bool,
	"ComplexFloat": C64,
}

// untypedTypes has PyTorch's names of the types without a storage class. Such tensors are
// views of an UntypedStorage.
var untypedTypes = map[string]DType{
	"float8_e4m3fn": F8E4M3, "float8_e5m2": F8E5M2, "float8_e8m0fnu": F8E8M0, "uint16": U16, "uint32": U32, "uint64": U64,
}

// storage is an array of which tensors are views. Its bytes are in another part of the
// file, under key.
type storage struct {
	key   string
	class string // such as FloatStorage
	dtype DType  // "" if the class is not supported; U8 for an UntypedStorage
	len   int    // elements
}

// view is a tensor of a .pth: a view of a storage, with strides in elements. An array of a
// .pkl has only array until [ndarray.view] sets the others.
type view struct {
	storage       *storage
	dtype         DType
	offset        int
	shape, stride []int
	array         *ndarray
}

// maxDims is PyTorch's and NumPy's maximum number of dimensions.
const maxDims = 64

// reference reads ('storage', class, key, location, elements, ...).
func (u *unpickler) reference(op byte) error {
	if op == 'P' {
		return errors.New("broken pickle: a reference to no storage")
	}
	id, err := u.pop()
	if err != nil {
		return err
	}
	fields, ok := id.(tuple)
	if !ok || len(fields) < 5 || fields[0] != "storage" {
		return errors.New("broken pickle: a reference to no storage")
	}
	class, ok1 := fields[1].(global)
	key, ok2 := fields[2].(string)
	n, ok3 := fields[4].(int)
	if !ok1 || !ok2 || !ok3 || n < 0 || !strings.HasSuffix(class.name, "Storage") {
		return errors.New("broken pickle: a reference to a storage without class, key or number of elements")
	}
	if len(fields) > 5 && fields[5] != nil {
		return fmt.Errorf("storage %q is a view of another one, as PyTorch before 0.4 saved it: save the file anew", brief.Text(key))
	}
	s := &storage{key, class.name, storageTypes[strings.TrimSuffix(class.name, "Storage")], n}
	if class.name == "UntypedStorage" {
		s.dtype = U8
	}
	if old := u.storages[key]; old != nil && old.dtype.Size() > s.dtype.Size() {
		return u.push(s)
	}
	u.storages[key] = s
	return u.push(s)
}

// call returns the result of calling a class or function.
func (u *unpickler) call(f any, args tuple) (any, error) {
	g, ok := f.(global)
	if !ok {
		return inert{}, nil
	}
	if u.numpy {
		return u.callNumpy(g, args)
	}
	switch g.module + "." + g.name {
	case "collections.OrderedDict":
		return u.ordered(args)
	case "collections.defaultdict", "builtins.dict", "__builtin__.dict":
		return &dict{}, nil
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3":
		return u.rebuild(args)
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		if len(args) == 0 {
			return nil, errors.New("broken pickle: a parameter without a tensor")
		}
		return args[0], nil
	case "torch._tensor._rebuild_from_type_v2": // a subclass of Tensor
		if len(args) < 3 {
			return nil, errors.New("broken pickle: a tensor without function and arguments")
		}
		inner, _ := args[2].(tuple)
		if of, _ := args[0].(global); of == g {
			return nil, errors.New("broken pickle: a tensor that is built from itself")
		}
		return u.call(args[0], inner)
	}
	return inert{}, nil
}

// ordered returns an OrderedDict, with the pairs that Python 2 passes as arguments.
func (u *unpickler) ordered(args tuple) (any, error) {
	d := &dict{}
	if len(args) == 0 {
		return d, nil
	}
	pairs, _ := args[0].(*list)
	if pairs == nil {
		return d, nil
	}
	for _, p := range pairs.items {
		pair, ok := p.(tuple)
		if l, isList := p.(*list); isList {
			pair, ok = l.items, true
		}
		if !ok || len(pair) != 2 {
			return nil, errors.New("broken pickle: an OrderedDict whose items are not pairs")
		}
		d.set(pair)
	}
	return d, u.pay(slotCost * 2 * len(d.keys))
}

// rebuild reads (storage, offset, shape, stride, gradient, hooks, type).
func (u *unpickler) rebuild(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("broken pickle: a tensor of %d parts", len(args))
	}
	s, ok1 := args[0].(*storage)
	offset, ok2 := args[1].(int)
	shape, ok3 := integers(args[2])
	stride, ok4 := integers(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(stride) {
		return nil, errors.New("broken pickle: a tensor without storage, offset, shape or stride")
	}
	v := &view{storage: s, dtype: s.dtype, offset: offset, shape: shape, stride: stride}
	if s.class == "UntypedStorage" {
		v.dtype = ""
		if len(args) > 6 {
			name, _ := args[6].(global)
			v.dtype = untypedTypes[name.name]
			if v.dtype == "" {
				v.dtype = DType(name.name) // for the error if the tensor is read
			}
		}
	}
	return v, u.pay(objectCost + 16*len(shape))
}

// integers reads a shape or strides.
func integers(v any) ([]int, bool) {
	t, ok := v.(tuple)
	if !ok || len(t) > maxDims {
		return nil, false
	}
	out := make([]int, len(t))
	for i := range out {
		if out[i], ok = t[i].(int); !ok {
			return nil, false
		}
	}
	return out, true
}

// tensor copies a checked view out of the bytes of its storage, in row-major order.
func (v *view) tensor(name string, b []byte) (Tensor, error) {
	t := Tensor{Info: Info{name, v.dtype, v.shape}}
	want, err := t.bytes()
	if err != nil || want == 0 {
		return t, err
	}
	declared := v.storage.dtype.Size()
	if v.storage.len > len(b)/declared {
		return t, fmt.Errorf("tensor %q: its storage has %d bytes instead of %d elements (is the file truncated?)", brief.Text(name), len(b), v.storage.len)
	}
	b = b[:v.storage.len*declared]
	size := v.dtype.Size()
	if err := v.inside(len(b) / size); err != nil {
		return t, fmt.Errorf("tensor %q: %w", brief.Text(name), err)
	}
	t.Data = make([]byte, 0, want)
	v.gather(b, size, v.offset, 0, &t.Data)
	return t, nil
}

// check returns the size of a view in bytes, or an error if its type is not supported or
// its shape is invalid.
func (v *view) check(name string) (bytes int, err error) {
	if v.dtype.Size() == 0 || v.storage.dtype == "" {
		what := v.storage.class
		if v.dtype != "" {
			what = string(v.dtype)
		}
		return 0, fmt.Errorf("tensor %q is a torch.%s, which is not supported", brief.Text(name), brief.Text(what))
	}
	return Info{name, v.dtype, v.shape}.bytes()
}

// inside returns an error if an element is outside of a storage of n elements.
func (v *view) inside(n int) error {
	last := v.offset
	for i, side := range v.shape {
		step := v.stride[i]
		if step < 0 || step > n {
			return fmt.Errorf("stride %v", v.stride)
		}
		if step > 0 && side-1 > n/step {
			return fmt.Errorf("shape %v with stride %v leaves its storage of %d elements", v.shape, v.stride, n)
		}
		last += (side - 1) * step
		if last < 0 || last >= n {
			return fmt.Errorf("offset %d and shape %v with stride %v leave its storage of %d elements", v.offset, v.shape, v.stride, n)
		}
	}
	if v.offset < 0 || last >= n {
		return fmt.Errorf("offset %d is outside of its storage of %d elements", v.offset, n)
	}
	return nil
}

// gather appends the elements of the axes from axis on, contiguous rows at once.
func (v *view) gather(b []byte, size, at, axis int, to *[]byte) {
	if axis == len(v.shape) {
		*to = append(*to, b[at*size:(at+1)*size]...)
		return
	}
	if axis == len(v.shape)-1 && v.stride[axis] == 1 {
		*to = append(*to, b[at*size:(at+v.shape[axis])*size]...)
		return
	}
	for i := range v.shape[axis] {
		v.gather(b, size, at+i*v.stride[axis], axis+1, to)
	}
}
