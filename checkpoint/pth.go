package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"path"
	"slices"
	"strings"

	"scalenet/internal/brief"
)

// Limits of reading a .pth, in bytes. Files of PyTorch need less memory than their size.
// Files that need far more are attacks.
const (
	maxPTH    = 16 << 30 // size of the file
	maxPickle = 64 << 20 // size of the pickle; a thousand tensors take 100 kB
	// memory for the objects of the pickle, the tensors and the storages
	roomFactor = 5
	minRoom    = 48 << 20
)

func roomFor(size int64) int64 { return max(roomFactor*size, minRoom) }

// LoadPTH reads the tensors of a file of PyTorch's torch.save, in the zip format or in
// that before PyTorch 1.6. The file has a state dict, or a dict with a state dict, as
// training scripts save it. Notes list what was skipped and changed.
//
// A file that needs memory or time of more than a few times its size is an error.
func LoadPTH(file string) (*File, Notes, error) { return loadPickle(file, readPTH) }

// loadPickle opens a file, and reads it with a function that takes its size.
func loadPickle(file string, read func(io.ReaderAt, int64) (*File, Notes, error)) (f *File, notes Notes, err error) {
	defer func() {
		if err != nil && !strings.HasPrefix(err.Error(), "open ") {
			err = fmt.Errorf("%s: %w", file, err)
		}
	}()
	r, err := os.Open(file)
	if err != nil {
		return nil, notes, err
	}
	defer r.Close()
	stat, err := r.Stat()
	if err != nil {
		return nil, notes, err
	}
	if !stat.Mode().IsRegular() {
		return nil, notes, errors.New("not a regular file")
	}
	if stat.Size() > maxPTH {
		return nil, notes, fmt.Errorf("%d bytes are above the limit of %d", stat.Size(), int64(maxPTH))
	}
	return read(r, stat.Size())
}

// container is an opened .pth: its object, its storages by key, and the memory in bytes
// that may still be used.
type container struct {
	root    any
	room    int64
	storage func(key string) ([]byte, error)
}

// readPTH is [LoadPTH] from a reader of size bytes.
func readPTH(r io.ReaderAt, size int64) (*File, Notes, error) {
	var c container
	archive, err := zip.NewReader(r, size)
	if err == nil {
		c, err = openArchive(archive, size)
	} else {
		c, err = openLegacy(r, size)
	}
	if err != nil {
		return nil, Notes{}, err
	}
	s, err := findState(c.root)
	if err != nil {
		return nil, Notes{}, err
	}
	f, err := c.tensors(s)
	return f, s.notes, err
}

// pay reserves memory.
func (c *container) pay(bytes int, name string) error {
	if c.room -= int64(bytes); c.room < 0 {
		return fmt.Errorf("tensor %q: the tensors and their storages need far more memory than the size of the file", brief.Text(name))
	}
	return nil
}

// tensors reads all tensors, sorted by storage so that each storage is read once.
func (c *container) tensors(s *stateDict) (*File, error) {
	order := make([]int, len(s.views))
	for i, v := range s.views {
		bytes, err := v.check(s.names[i])
		if err == nil {
			err = c.pay(bytes, s.names[i])
		}
		if err != nil {
			return nil, err
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(s.views[a].storage.key, s.views[b].storage.key) })
	f := &File{Tensors: make([]Tensor, len(s.views))}
	var key string
	var bytes []byte
	for n, i := range order {
		v, name := s.views[i], s.names[i]
		var err error
		if n == 0 || v.storage.key != key {
			key = v.storage.key
			if bytes, err = c.storage(key); err == nil {
				err = c.pay(len(bytes), name)
			}
			if err != nil {
				return nil, err
			}
		}
		if f.Tensors[i], err = v.tensor(name, bytes); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// openArchive reads the zip format: <name>/data.pkl is the pickle, and <name>/data/<key>
// are storages, not compressed.
func openArchive(archive *zip.Reader, size int64) (container, error) {
	records := map[string]*zip.File{}
	var folder string
	for _, record := range archive.File {
		records[record.Name] = record
		if path.Base(record.Name) == "data.pkl" {
			folder = path.Dir(record.Name)
		}
	}
	get := func(name string, limit int64) ([]byte, error) {
		record, ok := records[folder+"/"+name]
		if !ok {
			return nil, fmt.Errorf("no record %q in the archive: is it a file of torch.save?", brief.Text(name))
		}
		return readRecord(record, min(limit, size))
	}
	if _, ok := records[folder+"/constants.pkl"]; ok {
		return container{}, errors.New("a TorchScript file; save the state dict of its model instead")
	}
	program, err := get("data.pkl", maxPickle)
	if err != nil {
		return container{}, err
	}
	if order, err := get("byteorder", 16); err == nil && string(order) != "little" {
		return container{}, fmt.Errorf("byte order %q is not supported, want little", order)
	}
	u := newUnpickler(program, roomFor(size))
	root, err := u.run()
	return container{root, u.room, func(key string) ([]byte, error) { return get("data/"+key, size) }}, err
}

// readRecord reads an uncompressed record and checks its checksum.
func readRecord(record *zip.File, limit int64) ([]byte, error) {
	name := brief.Text(record.Name)
	switch {
	case record.Method != zip.Store || record.UncompressedSize64 != record.CompressedSize64:
		return nil, fmt.Errorf("record %q is compressed, which torch.save never does", name)
	case record.UncompressedSize64 > uint64(limit):
		return nil, fmt.Errorf("record %q has %d bytes, above %d", name, record.UncompressedSize64, limit)
	}
	r, err := record.Open()
	if err != nil {
		return nil, fmt.Errorf("record %q: %w", name, err)
	}
	defer r.Close()
	b := make([]byte, record.UncompressedSize64)
	if _, err = io.ReadFull(r, b); err == nil {
		_, err = r.Read(make([]byte, 1)) // the checksum is compared at the end
	}
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("record %q: %w", name, err)
	}
	return b, nil
}

// legacyMagic is the number at the start of a file in the format before PyTorch 1.6.
const legacyMagic = "119547037146038801333356"

// openLegacy reads the format before PyTorch 1.6: five pickles (magic number, version,
// system, object, storage keys), followed by the number of elements and the elements of
// each storage.
func openLegacy(r io.ReaderAt, size int64) (container, error) {
	foreign := errors.New("not a file of torch.save")
	b := make([]byte, size)
	if _, err := r.ReadAt(b, 0); err != nil && err != io.EOF {
		return container{}, err
	}
	u := newUnpickler(b, roomFor(size))
	var parts [5]any
	for i := range parts {
		u.stack, u.marks, u.memo, u.highest = nil, nil, map[int]any{}, 0
		u.code = b[:min(len(b), u.at+maxPickle)]
		var err error
		if parts[i], err = u.run(); err != nil {
			if i == 0 {
				err = foreign
			}
			return container{}, err
		}
		if magic, _ := parts[0].(*big.Int); magic == nil || magic.String() != legacyMagic {
			return container{}, foreign
		}
	}
	keys, ok := parts[4].(*list)
	if !ok {
		return container{}, errors.New("broken pickle: the storage keys are not a list")
	}
	storages, err := legacyStorages(b[u.at:], keys.items, u.storages)
	return container{parts[3], u.room, func(key string) ([]byte, error) { return storages[key], nil }}, err
}

// legacyStorages finds the bytes of the storages.
func legacyStorages(b []byte, keys []any, known map[string]*storage) (map[string][]byte, error) {
	storages := map[string][]byte{}
	for _, k := range keys {
		key, _ := k.(string)
		if len(b) < 8 {
			return nil, fmt.Errorf("storage %q is missing (is the file truncated?)", brief.Text(key))
		}
		n := binary.LittleEndian.Uint64(b)
		b = b[8:]
		s, ok := known[key]
		if !ok {
			return nil, fmt.Errorf("storage %q of %d elements is not in the pickle", brief.Text(key), n)
		}
		size := s.dtype.Size()
		if size == 0 {
			return nil, fmt.Errorf("storage %q is a torch.%s, which is not supported", brief.Text(key), brief.Text(s.class))
		}
		if n > uint64(len(b)/size) {
			return nil, fmt.Errorf("storage %q of %d elements is missing (is the file truncated?)", brief.Text(key), n)
		}
		storages[key], b = b[:int(n)*size], b[int(n)*size:]
	}
	return storages, nil
}

func newUnpickler(code []byte, room int64) *unpickler {
	return &unpickler{code: code, memo: map[int]any{}, storages: map[string]*storage{}, room: room}
}
