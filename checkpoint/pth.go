package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// maxPTH bounds a .pth and the tensors read from it together, in bytes.
const maxPTH = 16 << 30

// LoadPTH reads the tensors of a file that PyTorch's torch.save wrote, in the
// zip format or the one before 1.6: a state dict, or a dict that has one under
// "state_dict" or "model". A prefix "module." that all names have, from
// DataParallel, is taken off, and the layers of torchvision's first DenseNets get
// their present names. Entries of the state dict that are no tensors
// are left out; skipped has their names.
func LoadPTH(file string) (f *File, skipped []string, err error) {
	defer func() {
		if err != nil && !strings.HasPrefix(err.Error(), "open ") {
			err = fmt.Errorf("%s: %w", file, err)
		}
	}()
	r, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	stat, err := r.Stat()
	if err != nil {
		return nil, nil, err
	}
	if stat.Size() > maxPTH {
		return nil, nil, fmt.Errorf("%d bytes are above the limit of %d", stat.Size(), int64(maxPTH))
	}
	return readPTH(r, stat.Size())
}

// readPTH is [LoadPTH] for size bytes that lie elsewhere.
func readPTH(r io.ReaderAt, size int64) (*File, []string, error) {
	var root any
	var read func(*storage) ([]byte, error)
	archive, err := zip.NewReader(r, size)
	if err == nil {
		root, read, err = openArchive(archive)
	} else {
		root, read, err = openLegacy(io.NewSectionReader(r, 0, size))
	}
	if err != nil {
		return nil, nil, err
	}
	names, views, skipped, err := stateDict(root)
	if err != nil {
		return nil, nil, err
	}
	f := &File{}
	left := int64(maxPTH)
	for i, v := range views {
		t, err := v.tensor(names[i], read)
		if err != nil {
			return nil, nil, err
		}
		if left -= int64(len(t.Data)); left < 0 {
			return nil, nil, fmt.Errorf("tensor %q: the tensors take more than %d bytes together", t.Name, int64(maxPTH))
		}
		f.Tensors = append(f.Tensors, t)
	}
	return f, skipped, nil
}

// openArchive reads the zip format: <name>/data.pkl is the program,
// <name>/data/<key> are storages, not compressed.
func openArchive(archive *zip.Reader) (any, func(*storage) ([]byte, error), error) {
	records := map[string]*zip.File{}
	var folder string
	for _, record := range archive.File {
		records[record.Name] = record
		if path.Base(record.Name) == "data.pkl" {
			folder = path.Dir(record.Name)
		}
	}
	get := func(name string, limit uint64) ([]byte, error) {
		record, ok := records[folder+"/"+name]
		switch {
		case !ok:
			return nil, fmt.Errorf("no record %q in the archive: is it a file of torch.save?", name)
		case record.Method != zip.Store:
			return nil, fmt.Errorf("record %q is compressed, which torch.save never does", name)
		case record.UncompressedSize64 > limit:
			return nil, fmt.Errorf("record %q has %d bytes, above %d", name, record.UncompressedSize64, limit)
		}
		r, err := record.Open()
		if err != nil {
			return nil, fmt.Errorf("record %q: %w", name, err)
		}
		defer r.Close()
		b, err := io.ReadAll(r) // the archive's size bounds what is not compressed
		if err != nil {
			return nil, fmt.Errorf("record %q: %w", name, err)
		}
		return b, nil
	}
	if _, ok := records[folder+"/constants.pkl"]; ok {
		return nil, nil, errors.New("a TorchScript file; save the state dict of its model instead")
	}
	program, err := get("data.pkl", maxPickle)
	if err != nil {
		return nil, nil, err
	}
	if order, err := get("byteorder", 16); err == nil && string(order) != "little" {
		return nil, nil, fmt.Errorf("the byte order is %q, not little", order)
	}
	root, _, err := unpickle(program)
	return root, func(s *storage) ([]byte, error) { return get("data/"+s.key, maxPTH) }, err
}

// openLegacy reads the format before PyTorch 1.6: five programs (a magic
// number, a version, the system, the object, the keys of the storages), then
// for each key its number of elements and the elements.
func openLegacy(r *io.SectionReader) (any, func(*storage) ([]byte, error), error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, err
	}
	foreign := errors.New("not a file of torch.save")
	var parts [5]any
	for i := range parts {
		var n int
		if parts[i], n, err = unpickle(b); err != nil {
			if i == 0 {
				err = foreign
			}
			return nil, nil, err
		}
		b = b[n:]
		if i == 0 && fmt.Sprint(parts[0]) != "119547037146038801333356" {
			return nil, nil, foreign
		}
	}
	keys, ok := parts[4].(*types.List)
	if !ok {
		return nil, nil, errors.New("broken pickle: the keys of the storages are no list")
	}
	sizes := map[string]int{} // of an element
	collectStorages(parts[3], sizes, 8)
	storages := map[string][]byte{}
	for _, k := range *keys {
		key, _ := k.(string)
		if len(b) < 8 {
			return nil, nil, fmt.Errorf("storage %q is not there (is the file truncated?)", key)
		}
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		size, ok := sizes[key]
		if !ok || n > uint64(len(b)/size) {
			return nil, nil, fmt.Errorf("storage %q of %d elements is unknown or not there (is the file truncated?)", key, n)
		}
		storages[key], b = b[:int(n)*size], b[int(n)*size:]
	}
	return parts[3], func(s *storage) ([]byte, error) { return storages[s.key], nil }, nil
}

// collectStorages finds the element sizes of all storages in an object, to
// some depth; the file has no other list of them.
func collectStorages(v any, sizes map[string]int, depth int) {
	if t, ok := v.(*view); ok {
		sizes[t.storage.key] = legacySize(t.storage.class)
		return
	}
	if depth == 0 {
		return
	}
	_, values, _ := entries(v)
	if l, ok := v.(*types.List); ok {
		values = *l
	}
	if t, ok := v.(*types.Tuple); ok {
		values = *t
	}
	for _, value := range values {
		collectStorages(value, sizes, depth-1)
	}
}

// legacySize is the element size of any storage class of that time.
func legacySize(class string) int {
	switch class {
	case "CharStorage":
		return 1
	case "ShortStorage":
		return 2
	}
	return max(storageTypes[class].Size(), 1)
}

// entries are the keys and values of a dict in order.
func entries(v any) (keys, values []any, ok bool) {
	switch d := v.(type) {
	case *types.Dict:
		for _, e := range *d {
			keys, values = append(keys, e.Key), append(values, e.Value)
		}
		return keys, values, true
	case *types.OrderedDict:
		for e := d.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			keys, values = append(keys, entry.Key), append(values, entry.Value)
		}
		return keys, values, true
	}
	return nil, nil, false
}

// stateDict finds the tensors in the object of a file.
func stateDict(root any) (names []string, views []*view, skipped []string, err error) {
	keys, values, ok := entries(root)
	if !ok {
		return nil, nil, nil, fmt.Errorf("the file has a %T instead of a dict of tensors: save model.state_dict()", root)
	}
	isView := func(v any) bool { _, ok := v.(*view); return ok }
	if !slices.ContainsFunc(values, isView) {
		for _, nested := range []any{"state_dict", "model"} {
			if i := slices.Index(keys, nested); i >= 0 {
				if keys, values, ok = entries(values[i]); !ok {
					return nil, nil, nil, fmt.Errorf("%q in the file is no dict: save model.state_dict()", nested)
				}
				break
			}
		}
	}
	for i, key := range keys {
		name, ok := key.(string)
		if v, isTensor := values[i].(*view); ok && isTensor {
			names, views = append(names, name), append(views, v)
		} else {
			skipped = append(skipped, fmt.Sprint(key))
		}
	}
	if len(names) == 0 {
		return nil, nil, nil, fmt.Errorf("no tensors in the file, neither directly nor under state_dict or model; its keys are %v", keys)
	}
	const wrapped = "module."
	if !slices.ContainsFunc(names, func(s string) bool { return !strings.HasPrefix(s, wrapped) }) {
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], wrapped)
		}
	}
	for i := range names {
		names[i] = dottedDenseLayer.ReplaceAllString(names[i], "$1$2")
	}
	return names, views, skipped, nil
}

// dottedDenseLayer finds the names norm.1, conv.2, ... that torchvision's published
// DenseNets have for what its code calls norm1, conv2, and renames as we do.
var dottedDenseLayer = regexp.MustCompile(`^(.*denselayer\d+\.(?:norm|conv))\.([12]\.(?:weight|bias|running_mean|running_var))$`)

// tensor reads a view into a tensor of its own in row-major order.
func (v *view) tensor(name string, read func(*storage) ([]byte, error)) (Tensor, error) {
	dtype, ok := storageTypes[v.storage.class]
	if !ok {
		return Tensor{}, fmt.Errorf("tensor %q is a torch.%s, which is not supported", name, v.storage.class)
	}
	t := Tensor{Info: Info{name, dtype, v.shape}}
	want, err := t.bytes()
	if err != nil {
		return t, err
	}
	size := dtype.Size()
	if v.storage.len > math.MaxInt/size || want > v.storage.len*size {
		return t, fmt.Errorf("tensor %q: shape %v is larger than its storage of %d elements", name, v.shape, v.storage.len)
	}
	if want == 0 {
		return t, nil
	}
	if err := v.inside(); err != nil {
		return t, fmt.Errorf("tensor %q: %w", name, err)
	}
	b, err := read(v.storage)
	if err != nil {
		return t, fmt.Errorf("tensor %q: %w", name, err)
	}
	if len(b) < v.storage.len*size {
		return t, fmt.Errorf("tensor %q: its storage has %d bytes instead of %d (is the file truncated?)", name, len(b), v.storage.len*size)
	}
	t.Data = make([]byte, 0, want)
	v.gather(b, size, v.offset, 0, &t.Data)
	return t, nil
}

// inside makes sure that no element lies outside of the storage.
func (v *view) inside() error {
	last := v.offset
	for i, side := range v.shape {
		if v.stride[i] < 0 || v.stride[i] > v.storage.len {
			return fmt.Errorf("stride %v", v.stride)
		}
		step := v.stride[i]
		if step > 0 && side-1 > v.storage.len/step {
			return fmt.Errorf("shape %v with stride %v leaves its storage of %d elements", v.shape, v.stride, v.storage.len)
		}
		last += (side - 1) * step
		if last < 0 || last >= v.storage.len {
			return fmt.Errorf("offset %d and shape %v with stride %v leave its storage of %d elements", v.offset, v.shape, v.stride, v.storage.len)
		}
	}
	if v.offset < 0 || last >= v.storage.len {
		return fmt.Errorf("offset %d is outside of its storage of %d elements", v.offset, v.storage.len)
	}
	return nil
}

// gather appends the elements from an axis on, rows that are contiguous at once.
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
