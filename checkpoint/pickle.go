package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// maxPickle bounds the part of a .pth that is a program. Names and shapes of a
// thousand tensors take 100 kB.
const maxPickle = 64 << 20

// storageTypes are PyTorch's classes of storage; those that are missing have
// no place in a safetensors file of ours.
var storageTypes = map[string]DType{
	"DoubleStorage": F64, "FloatStorage": F32, "HalfStorage": F16, "BFloat16Storage": BF16,
	"LongStorage": I64, "IntStorage": I32, "ByteStorage": U8, "BoolStorage": Bool,
}

// storage is a run of elements that tensors are views of. Its bytes are in
// another part of the file, under key.
type storage struct {
	class string
	key   string
	len   int
}

// view is a tensor of a .pth: a part of a storage, strides in elements.
type view struct {
	storage       *storage
	offset        int
	shape, stride []int
}

// unpickle runs the first program in b and returns its result and length. The
// interpreter has containers and tensors; everything else, such as the
// arguments of the training script, becomes an [inert] object. Whatever the
// program is, the result is an error at worst.
func unpickle(b []byte) (result any, length int, err error) {
	defer func() {
		if r := recover(); r != nil { // the interpreter trusts its stack here and there
			err = fmt.Errorf("broken pickle: %v", r)
		}
	}()
	length, err = pickleLength(b)
	if err != nil {
		return nil, 0, err
	}
	u := pickle.NewUnpickler(bytes.NewReader(b[:length]))
	u.FindClass = findClass
	u.PersistentLoad = persistent
	result, err = u.Load()
	return result, length, err
}

// pickleLength walks over the instructions up to the final stop, and makes
// sure that every length they declare is there: the interpreter allocates
// before it reads.
func pickleLength(b []byte) (int, error) {
	cut := errors.New("broken pickle: it ends in the middle")
	for at := 0; ; {
		if at >= len(b) {
			return 0, cut
		}
		op, rest := b[at], b[at+1:]
		if op == '.' {
			return at + 1, nil
		}
		n, ok := argumentLength(op, rest)
		if !ok || n > len(rest) {
			return 0, cut
		}
		at += 1 + n
		if at > maxPickle {
			return 0, fmt.Errorf("the pickle is longer than %d bytes", maxPickle)
		}
	}
}

// argumentLength is how many bytes behind an instruction belong to it; false
// when they leave the rest of the program.
func argumentLength(op byte, rest []byte) (int, bool) {
	counted := func(width int) (int, bool) {
		if len(rest) < width {
			return 0, false
		}
		var le [8]byte
		copy(le[:], rest[:width])
		n := binary.LittleEndian.Uint64(le[:])
		return width + int(min(n, maxPickle)), n <= uint64(len(rest)-width)
	}
	switch op {
	case 'K', 'h', 'q', 0x80, 0x82:
		return 1, true
	case 'M', 0x83:
		return 2, true
	case 'J', 'j', 'r', 0x84:
		return 4, true
	case 'G':
		return 8, true
	case 0x95: // a frame: its content are instructions
		_, ok := counted(8)
		return 8, ok
	case 'U', 'C', 0x8a, 0x8c:
		return counted(1)
	case 'T', 'X', 'B', 0x8b:
		return counted(4)
	case 0x8d, 0x8e, 0x96:
		return counted(8)
	case 'F', 'I', 'L', 'P', 'S', 'V', 'g', 'p':
		n := bytes.IndexByte(rest, '\n')
		return n + 1, n >= 0
	case 'c', 'i':
		n := bytes.IndexByte(rest, '\n')
		m := bytes.IndexByte(rest[n+1:], '\n')
		return n + m + 2, n >= 0 && m >= 0
	}
	return 0, true
}

// findClass maps the names of PyTorch to what reads them.
func findClass(module, name string) (any, error) {
	switch {
	case module == "torch._utils" && (name == "_rebuild_tensor_v2" || name == "_rebuild_tensor"):
		return callable(rebuildTensor), nil
	case module == "torch._utils" && name == "_rebuild_parameter":
		return callable(func(args []any) (any, error) {
			if len(args) == 0 {
				return nil, errors.New("a parameter without a tensor")
			}
			return args[0], nil
		}), nil
	case module == "torch":
		if _, ok := storageTypes[name]; ok || len(name) > 7 && name[len(name)-7:] == "Storage" {
			return storageClass(name), nil
		}
	}
	return inertClass{}, nil
}

// storageClass is the name of one of PyTorch's storage classes.
type storageClass string

type callable func(args []any) (any, error)

// Call implements the interpreter's interface of functions.
func (c callable) Call(args ...any) (any, error) { return c(args) }

// inertClass makes objects that take whatever they are given and do nothing.
type inertClass struct{}

type inert struct{}

func (inertClass) Call(...any) (any, error)  { return &inert{}, nil }
func (inertClass) PyNew(...any) (any, error) { return &inert{}, nil }
func (*inert) PySetState(any) error          { return nil }
func (*inert) Set(_, _ any)                  {}
func (*inert) Append(any)                    {}

// persistent reads ('storage', class, key, location, elements, ...).
func persistent(id any) (any, error) {
	fields, ok := id.(*types.Tuple)
	if !ok || fields.Len() < 5 || fields.Get(0) != "storage" {
		return nil, fmt.Errorf("broken pickle: a reference to no storage: %T", id)
	}
	class, ok1 := fields.Get(1).(storageClass)
	key, ok2 := fields.Get(2).(string)
	n, ok3 := fields.Get(4).(int)
	if !ok1 || !ok2 || !ok3 || n < 0 {
		return nil, fmt.Errorf("broken pickle: storage %v of class %v with %v elements", fields.Get(2), fields.Get(1), fields.Get(4))
	}
	if fields.Len() > 5 && fields.Get(5) != nil {
		return nil, fmt.Errorf("storage %q is a view of another one, as PyTorch before 0.4 saved it: save the file anew", key)
	}
	return &storage{string(class), key, n}, nil
}

// rebuildTensor reads (storage, offset, shape, stride, ...).
func rebuildTensor(args []any) (any, error) {
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
	return &view{s, offset, shape, stride}, nil
}

func integers(v any) ([]int, bool) {
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, false
	}
	out := make([]int, t.Len())
	for i := range out {
		if out[i], ok = t.Get(i).(int); !ok {
			return nil, false
		}
	}
	return out, true
}
