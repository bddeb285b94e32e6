package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"sync"
	"unicode/utf8"

	"scalenet/internal/brief"
)

// File is the content of a file: tensors in order, and metadata.
type File struct {
	Metadata map[string]string
	Tensors  []Tensor
}

// Tensor returns a tensor by name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i := slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == name })
	if i < 0 {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Infos returns the names, types and shapes of the tensors.
func (f *File) Infos() []Info {
	infos := make([]Info, len(f.Tensors))
	for i, t := range f.Tensors {
		infos[i] = t.Info
	}
	return infos
}

// Reader has the header of a safetensors file, and reads tensors on demand. It is safe
// for concurrent use.
type Reader struct {
	path     string
	from     io.ReaderAt
	data     int64 // start of the data area
	entries  []entry
	index    map[string]int
	metadata map[string]string
	declared string // the digest in the metadata, "" if there is none
	close    func() error

	unverified bool
	summing    sync.Mutex     // guards the fields below
	sums       map[int]Digest // of the tensors that were read, by index of the entry
	digest     *Digest
}

// Option changes how a file is read.
type Option func(*Reader)

// NoVerify turns off the comparison of content and digest.
func NoVerify(r *Reader) { r.unverified = true }

// Open reads and checks the header of a file. The caller must close the Reader, and call
// [Reader.Verify] before it uses the tensors.
func Open(path string, options ...Option) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	stat, err := f.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r, err := NewReader(f, stat.Size(), path, options...)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.close = f.Close
	return r, nil
}

// NewReader is [Open] from a reader of size bytes. name is used in errors.
func NewReader(from io.ReaderAt, size int64, name string, options ...Option) (*Reader, error) {
	fail := func(err error) (*Reader, error) { return nil, fmt.Errorf("%s: %w", name, err) }
	var prefix [8]byte
	if size < int64(len(prefix)) {
		return fail(fmt.Errorf("not a safetensors file: %d bytes", size))
	}
	if _, err := from.ReadAt(prefix[:], 0); err != nil {
		return fail(err)
	}
	if err := foreign(prefix[:], name); err != nil {
		return fail(err)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length > maxHeader {
		return fail(fmt.Errorf("not a safetensors file: header length %d is above %d", length, maxHeader))
	}
	data := int64(len(prefix)) + int64(length)
	if data > size {
		return fail(fmt.Errorf("the header of %d bytes leaves the file of %d (is it truncated?)", length, size))
	}
	header := make([]byte, length)
	if _, err := from.ReadAt(header, int64(len(prefix))); err != nil && err != io.EOF {
		return fail(err)
	}
	entries, metadata, err := parseHeader(header, size-data)
	if err != nil {
		return fail(err)
	}
	index := make(map[string]int, len(entries))
	for i, e := range entries {
		index[e.Name] = i
	}
	r := &Reader{path: name, from: from, data: data, entries: entries, index: index, metadata: metadata, sums: map[int]Digest{}}
	if ours(metadata) {
		r.declared = metadata[digestKey]
		delete(metadata, digestKey)
	}
	for _, option := range options {
		option(r)
	}
	return r, nil
}

// Close releases the file. Tensors that were read stay valid.
func (r *Reader) Close() error {
	if r.close == nil {
		return nil
	}
	return r.close()
}

// Path returns the path of the file, or the name given to NewReader.
func (r *Reader) Path() string { return r.path }

// Metadata returns the metadata without the digest, nil if there is none.
func (r *Reader) Metadata() map[string]string { return r.metadata }

// Infos returns the tensors without data, in the order of the header.
func (r *Reader) Infos() []Info {
	infos := make([]Info, len(r.entries))
	for i, e := range r.entries {
		infos[i] = e.Info
	}
	return infos
}

// Tensor reads one tensor by name.
func (r *Reader) Tensor(name string) (Tensor, error) {
	i, ok := r.index[name]
	if !ok {
		return Tensor{}, fmt.Errorf("%s: no tensor %q", r.path, name)
	}
	data, err := r.read(r.entries[i])
	if err != nil {
		return Tensor{}, err
	}
	if r.unverified {
		return Tensor{r.entries[i].Info, data}, nil
	}
	s := sum(data) // while the data is in the CPU cache
	r.summing.Lock()
	defer r.summing.Unlock()
	if r.digest == nil {
		r.sums[i] = s
	}
	return Tensor{r.entries[i].Info, data}, nil
}

// read reads the bytes of a tensor.
func (r *Reader) read(e entry) ([]byte, error) {
	data := make([]byte, e.end-e.begin)
	if _, err := r.from.ReadAt(data, r.data+e.begin); err != nil && (err != io.EOF || len(data) > 0) {
		return nil, fmt.Errorf("%s: tensor %q: %w", r.path, e.Name, err)
	}
	return data, nil
}

// File reads all tensors and verifies the digest.
func (r *Reader) File() (*File, error) {
	f := &File{Metadata: r.metadata, Tensors: make([]Tensor, len(r.entries))}
	for i, e := range r.entries {
		t, err := r.Tensor(e.Name)
		if err != nil {
			return nil, err
		}
		f.Tensors[i] = t
	}
	return f, r.Verify()
}

// Load reads a complete file and verifies the digest.
func Load(path string, options ...Option) (*File, error) {
	r, err := Open(path, options...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.File()
}

// Decode is [Load] from bytes. name is used in errors.
func Decode(b []byte, name string) (*File, error) {
	r, err := NewReader(bytes.NewReader(b), int64(len(b)), name)
	if err != nil {
		return nil, err
	}
	return r.File()
}

// Save writes the file atomically ([WriteAtomic]).
func Save(path string, f *File) error { return WriteAtomic(path, f.Encode) }

// Encode writes the file as safetensors. Equal files give equal bytes. If the metadata has
// keys of ScaleNet ("scalenet."), the digest of the content is added to it.
//
// Empty, reserved and duplicate names, text that is not UTF-8, and data that does not match
// dtype and shape, are errors. They are found before the first byte is written.
func (f *File) Encode(w io.Writer) error {
	order, header, err := f.layout()
	if err != nil {
		return err
	}
	var prefix [8]byte
	binary.LittleEndian.PutUint64(prefix[:], uint64(len(header)))
	if _, err := w.Write(prefix[:]); err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, i := range order {
		if _, err := w.Write(f.Tensors[i].Data); err != nil {
			return err
		}
	}
	return nil
}

// layout returns the order of the tensors in the data area, and the header.
func (f *File) layout() (order []int, header []byte, err error) {
	seen := make(map[string]bool, len(f.Tensors))
	for key, value := range f.Metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, nil, fmt.Errorf("metadata %q: %q is not UTF-8", brief.Text(key), brief.Text(value))
		}
	}
	for i, t := range f.Tensors {
		if t.Name == "" || t.Name == metadataKey {
			return nil, nil, fmt.Errorf("tensor %d: the name %q is empty or reserved", i, t.Name)
		}
		if !utf8.ValidString(t.Name) {
			return nil, nil, fmt.Errorf("tensor %d: the name %q is not UTF-8", i, brief.Text(t.Name))
		}
		if seen[t.Name] {
			return nil, nil, fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		seen[t.Name] = true
		if err := t.check(); err != nil {
			return nil, nil, err
		}
		order = append(order, i)
	}
	sort.SliceStable(order, func(a, b int) bool {
		return f.Tensors[order[a]].DType.Size() > f.Tensors[order[b]].DType.Size()
	})
	begin := make([]int, len(f.Tensors))
	at := 0
	for _, i := range order {
		begin[i] = at
		if at > math.MaxInt-len(f.Tensors[i].Data) {
			return nil, nil, errors.New("the tensors are too large together")
		}
		at += len(f.Tensors[i].Data)
	}
	header, err = f.header(begin)
	return order, header, err
}

// header returns the JSON, with the tensors in the order of the File. It is padded with
// spaces, so that the data area begins at a multiple of eight bytes.
func (f *File) header(begin []int) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	value := func(v any) error {
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		err := e.Encode(v)
		b.Truncate(b.Len() - 1) // Encode ends with a newline
		return err
	}
	if metadata := f.signed(); len(metadata) > 0 {
		fmt.Fprintf(&b, "%q:", metadataKey)
		if err := value(metadata); err != nil {
			return nil, err
		}
	}
	for i, t := range f.Tensors {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		if err := value(t.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		line := struct {
			DType   DType  `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{t.DType, append([]int{}, t.Shape...), [2]int{begin[i], begin[i] + len(t.Data)}}
		if err := value(line); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	if b.Len() > maxHeader {
		return nil, fmt.Errorf("the header of %d bytes is above %d", b.Len(), maxHeader)
	}
	return b.Bytes(), nil
}
