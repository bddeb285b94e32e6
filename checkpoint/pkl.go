package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"scalenet/internal/brief"
)

// LoadPKL reads the tensors of a pickle of NumPy arrays, as detectron2's model zoo has them
// (model_final_*.pkl): a dict of arrays, or a dict with such a dict under "model" or another
// key that [LoadPTH] knows. The pickle has protocol 2 to 5. Python 2 may have written it, so
// the dict {"blobs": ...} of Detectron's R-50.pkl is read as well, with Caffe2's names.
//
// Nothing is executed: a pickle that uses another class or function than NumPy's arrays
// need is an error. So is a file that needs memory of more than a few times its size.
func LoadPKL(file string) (*File, Notes, error) { return loadPickle(file, readPKL) }

// readPKL is [LoadPKL] from a reader of size bytes.
func readPKL(r io.ReaderAt, size int64) (*File, Notes, error) {
	b := make([]byte, size)
	n, err := r.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return nil, Notes{}, err
	}
	return decodePKL(b[:n], roomFor(size))
}

// decodePKL reads a pickle, with room for bytes of memory besides b.
func decodePKL(b []byte, room int64) (*File, Notes, error) {
	if len(b) < 2 || b[0] != pickleStart || b[1] < 2 {
		return nil, Notes{}, errors.New("not a pickle of protocol 2 to 5")
	}
	u := newUnpickler(b, room)
	u.numpy = true
	root, err := u.run()
	if err != nil {
		return nil, Notes{}, err
	}
	s, err := findState(root)
	if err != nil {
		return nil, Notes{}, err
	}
	data, err := s.arrays()
	if err != nil {
		return nil, s.notes, err
	}
	c := container{root, u.room, func(key string) ([]byte, error) { return rawBytes(data[key]), nil }}
	f, err := c.tensors(s)
	return f, s.notes, err
}

// arrays gives every array of the state dict a storage, and returns the data of the
// storages by key.
func (s *stateDict) arrays() (map[string]any, error) {
	data := map[string]any{}
	for i, v := range s.views {
		if v.storage != nil { // an array under a second name
			continue
		}
		key := strconv.Itoa(len(data))
		if err := v.array.view(v, s.names[i], key); err != nil {
			return nil, err
		}
		data[key] = v.array.data
	}
	return data, nil
}

// blob is a bytes or bytearray object of a .pkl, a part of the file.
type blob []byte

// isBytes reports whether an instruction pushes bytes of Python 3.
func isBytes(op byte) bool { return op == 'B' || op == 'C' || op == 0x8e || op == 0x96 }

// rawBytes returns the bytes of a blob, or of a string of Python 2.
func rawBytes(v any) []byte {
	if s, ok := v.(string); ok {
		return []byte(s)
	}
	b, _ := v.(blob)
	return b
}

// numpyGlobals has the classes and functions that the pickles of NumPy arrays use, and what
// is done when they are called. None of them is executed.
var numpyGlobals = map[string]func(*unpickler, tuple) (any, error){
	"collections.OrderedDict":            (*unpickler).ordered,
	"numpy.core.multiarray._reconstruct": (*unpickler).reconstruct,
	"numpy.core.multiarray.scalar":       (*unpickler).numpyScalar,
	"numpy.core.numeric._frombuffer":     (*unpickler).fromBuffer,
	"numpy.dtype":                        (*unpickler).newType,
	"numpy.ndarray":                      nil,
	"_codecs.encode":                     (*unpickler).encode,
	"builtins.bytes":                     (*unpickler).noBytes,
	"__builtin__.bytes":                  (*unpickler).noBytes,
}

// numpyName returns the name in numpyGlobals. NumPy 2 renamed numpy.core to numpy._core.
func (g global) numpyName() string {
	if rest, ok := strings.CutPrefix(g.module, "numpy._core."); ok {
		return "numpy.core." + rest + "." + g.name
	}
	return g.module + "." + g.name
}

// callNumpy returns the result of calling a class or function of numpyGlobals.
func (u *unpickler) callNumpy(g global, args tuple) (any, error) {
	call := numpyGlobals[g.numpyName()]
	if call == nil {
		return nil, fmt.Errorf("broken pickle: it calls %s, which NumPy never does", g.numpyName())
	}
	return call(u, args)
}

// noBytes returns bytes() without arguments: how protocol 2 writes empty bytes.
func (u *unpickler) noBytes(args tuple) (any, error) {
	if len(args) > 0 {
		return nil, errors.New("broken pickle: bytes() with arguments")
	}
	return blob{}, nil
}

// encode returns _codecs.encode(text, "latin1"): how protocol 2 writes bytes.
func (u *unpickler) encode(args tuple) (any, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("broken pickle: _codecs.encode with %d arguments", len(args))
	}
	text, ok := args[0].(string)
	if codec, _ := args[1].(string); !ok || codec != "latin1" && codec != "latin-1" {
		return nil, fmt.Errorf("broken pickle: _codecs.encode of a %s to a %s %q, want text to latin1",
			kindOf(args[0]), kindOf(args[1]), brief.Text(codec))
	}
	n := utf8.RuneCountInString(text)
	if err := u.pay(n); err != nil {
		return nil, err
	}
	b := make(blob, 0, n)
	for at, r := range text {
		if r > 0xff { // also of text that is not UTF-8
			return nil, fmt.Errorf("broken pickle: the character %q at byte %d of a text is not in latin1", r, at)
		}
		b = append(b, byte(r))
	}
	return b, nil
}
