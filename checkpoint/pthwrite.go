package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"strconv"
)

// SavePTH writes the tensors as a state dict that torch.load reads, also with
// weights_only. The metadata is not written.
func SavePTH(path string, f *File) error {
	if _, _, err := f.layout(); err != nil { // for its checks
		return err
	}
	return WriteAtomic(path, f.encodePTH)
}

// encodePTH writes PyTorch's zip format.
func (f *File) encodePTH(w io.Writer) error {
	archive := &archiveWriter{zip: zip.NewWriter(w)}
	archive.add("data.pkl", f.pickle())
	archive.add("byteorder", []byte("little"))
	for i, t := range f.Tensors {
		archive.add("data/"+strconv.Itoa(i), t.Data)
	}
	archive.add("version", []byte("3\n"))
	if archive.err != nil {
		return archive.err
	}
	return archive.zip.Close()
}

// archiveWriter writes uncompressed records at multiples of 64 bytes, so that PyTorch can
// map them into memory.
type archiveWriter struct {
	zip *zip.Writer
	at  int // bytes written
	err error
}

func (a *archiveWriter) add(name string, data []byte) {
	if a.err != nil {
		return
	}
	const alignment, localHeader, extraHeader = 64, 30, 4
	name = "archive/" + name
	start := a.at + localHeader + len(name) + extraHeader
	padding := (alignment - start%alignment) % alignment
	extra := make([]byte, extraHeader+padding)
	copy(extra, "FB") // id of the padding field of PyTorch
	binary.LittleEndian.PutUint16(extra[2:], uint16(padding))
	size := uint64(len(data))
	w, err := a.zip.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, Extra: extra, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: size, UncompressedSize64: size,
	})
	if err == nil {
		_, err = w.Write(data)
	}
	a.at, a.err = start+padding+len(data), err
}

// pickle returns the pickle, in protocol 2, of
//
//	OrderedDict(name = _rebuild_tensor_v2(storage, 0, shape, stride, False, OrderedDict()), ...)
//
// Types without a storage class are written with _rebuild_tensor_v3, which takes an
// UntypedStorage and the type.
func (f *File) pickle() []byte {
	p := &pickler{}
	p.WriteString("\x80\x02")
	p.orderedDict()
	p.WriteString("(")
	for i, t := range f.Tensors {
		class, untyped := torchClass(t.DType)
		version, module, n := "2", "torch", t.Len()
		if untyped != "" {
			version, module, n = "3", "torch.storage", len(t.Data)
		}
		p.text(t.Name)
		p.WriteString("ctorch._utils\n_rebuild_tensor_v" + version + "\n((")
		p.text("storage")
		p.WriteString("c" + module + "\n" + class + "Storage\n")
		p.text(strconv.Itoa(i))
		p.text("cpu")
		p.integer(n)
		p.WriteString("tQ") // the tuple names a storage
		p.integer(0)
		p.tuple(t.Shape)
		p.tuple(rowMajor(t.Shape))
		p.WriteString("\x89") // requires no gradient
		p.orderedDict()
		if untyped != "" {
			p.WriteString("ctorch\n" + untyped + "\n")
		}
		p.WriteString("tR") // call
	}
	p.WriteString("u.") // set the items, stop
	return p.Bytes()
}

// torchClass returns PyTorch's storage class for a type, and for an UntypedStorage also
// PyTorch's name of the type.
func torchClass(d DType) (class, untyped string) {
	for name, dtype := range storageTypes {
		if dtype == d {
			return name, ""
		}
	}
	for name, dtype := range untypedTypes {
		if dtype == d {
			return "Untyped", name
		}
	}
	return "", ""
}

// rowMajor returns the strides of a contiguous array, in elements.
func rowMajor(shape []int) []int {
	stride := make([]int, len(shape))
	step := 1
	for i := len(shape) - 1; i >= 0; i-- {
		stride[i] = step
		step *= max(shape[i], 1)
	}
	return stride
}

// pickler writes instructions of pickle protocol 2.
type pickler struct{ bytes.Buffer }

func (p *pickler) orderedDict() { p.WriteString("ccollections\nOrderedDict\n)R") }

func (p *pickler) text(s string) {
	p.WriteByte('X')
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) integer(v int) {
	if v <= math.MaxInt32 {
		p.WriteByte('J')
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(v)))
		return
	}
	p.WriteString("\x8a\x08")
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
}

func (p *pickler) tuple(values []int) {
	p.WriteByte('(')
	for _, v := range values {
		p.integer(v)
	}
	p.WriteByte('t')
}
