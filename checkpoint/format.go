package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The first bytes of other formats. As the header length of a safetensors file, each
// would be far too large.
var (
	zipMagic    = []byte("PK\x03\x04")
	legacyStart = []byte("\x80\x02\x8a\x0al\xfc\x9c")
)

// pickleStart is the first byte of a pickle of protocol 2 to 5. The protocol follows.
const pickleStart = 0x80

// headBytes is how many bytes of a file [LoadAny] looks at. They include the magic number of
// PyTorch before 1.6 in each protocol.
const headBytes = 24

// otherMagics are the first bytes of other files that users may pass as checkpoint.
var otherMagics = []struct{ magic, kind string }{
	{"\x1f\x8b", "a gzip file: unpack it first"},
	{"\xfd7zXZ", "an xz file: unpack it first"},
	{"\x89HDF", "an HDF5 file, as Keras writes them"},
	{"GGUF", "a GGUF file"},
}

// isPTH reports whether a file begins like a file of torch.save.
func isPTH(head []byte) bool {
	return bytes.HasPrefix(head, zipMagic) || bytes.HasPrefix(head, legacyStart)
}

// isPKL reports whether a file begins like a pickle, and not like one of torch.save or like a
// safetensors file whose header has 640 bytes, for instance.
func isPKL(head []byte) bool {
	if len(head) < 2 || head[0] != pickleStart || head[1] < 2 || head[1] > 5 {
		return false
	}
	if startsHeader(head) && (len(head) == 8 || head[8] == '{') {
		return false
	}
	return !bytes.Contains(head, legacyStart[2:])
}

// foreign returns an error if a file begins like one of another format.
func foreign(head []byte, name string) error {
	kind := ""
	switch {
	case isPTH(head):
		kind = "a PyTorch checkpoint"
	case isPKL(head):
		kind = "a pickle, as detectron2's model zoo has them"
	}
	if kind != "" {
		return fmt.Errorf("%s; convert it first: scalenet convert %s %s", kind, name, convertedName(name))
	}
	for _, m := range otherMagics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return fmt.Errorf("not a safetensors file but %s", m.kind)
		}
	}
	return nil
}

// convertedName suggests a name, other than that of the file, for what it is converted to.
func convertedName(path string) string {
	base := withoutEnding(path)
	if base+".safetensors" == path {
		base += "-converted"
	}
	return base + ".safetensors"
}

// withoutEnding removes the extension, or both of .pth.tar.
func withoutEnding(path string) string {
	path = strings.TrimSuffix(path, ".tar")
	return strings.TrimSuffix(path, filepath.Ext(path))
}

// head returns the first bytes of a file, at most headBytes.
func head(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, headBytes)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b[:n], err
}

// LooksLikeOne reports whether a file begins like a checkpoint: a safetensors file, a
// file of torch.save or a pickle. It does not check the rest.
func LooksLikeOne(path string) bool {
	b, err := head(path)
	return err == nil && (isPTH(b) || isPKL(b) || startsHeader(b))
}

// LoadAny reads a safetensors file, but not the state of a training run, a file of torch.save ([LoadPTH]) or a pickle of NumPy
// arrays ([LoadPKL]). The first bytes decide which. The name does only if they are unknown.
func LoadAny(path string, options ...Option) (*File, Notes, error) {
	b, err := head(path)
	if err != nil {
		return nil, Notes{}, err
	}
	unknown := foreign(b, path) == nil && !startsHeader(b)
	switch {
	case isPTH(b) || unknown && isPTHName(path):
		return LoadPTH(path)
	case isPKL(b) || unknown && filepath.Ext(path) == ".pkl":
		return LoadPKL(path)
	}
	if !startsHeader(b) && filepath.Ext(path) != ".safetensors" {
		return nil, Notes{}, fmt.Errorf("%s: neither a safetensors file nor one of torch.save, and its name ends in %q", path, filepath.Ext(path))
	}
	file, err := Load(path, options...)
	if err == nil {
		err = notState(path, file.Metadata)
	}
	if err != nil {
		return nil, Notes{}, err
	}
	return file, Notes{}, nil
}

// startsHeader reports whether a file may begin with the length of a header.
func startsHeader(head []byte) bool {
	return len(head) >= 8 && bytes.Equal(head[4:8], make([]byte, 4))
}

// isPTHName reports whether a file name has an extension of PyTorch. Its pickle may begin
// differently.
func isPTHName(path string) bool {
	switch filepath.Ext(path) {
	case ".pth", ".pt", ".bin", ".ckpt", ".tar":
		return true
	}
	return false
}
