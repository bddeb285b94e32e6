package checkpoint

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"scalenet/internal/brief"
)

// digestKey is the metadata key of the digest, in files written by ScaleNet. The value is
// "xxh3:" and 32 hexadecimal digits.
const (
	digestKey    = "scalenet.digest"
	digestPrefix = "xxh3:"
)

// ours reports whether metadata is that of a ScaleNet file, which gets a digest.
func ours(metadata map[string]string) bool {
	for key := range metadata {
		if strings.HasPrefix(key, "scalenet.") && key != digestKey {
			return true
		}
	}
	return false
}

// Digest is the 128-bit XXH3 of the content of a file: the metadata without the digest,
// and name, type, shape and data of every tensor. It does not depend on their order, nor
// on positions in the file. It detects damage, not forgery.
type Digest [16]byte

// String returns 32 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// parseDigest parses the value of digestKey.
func parseDigest(text string) (d Digest, ok bool) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, digestPrefix))
	return d, err == nil && copy(d[:], b) == len(d) && len(b) == len(d)
}

// sum returns the digest of the data of one tensor.
func sum(data []byte) Digest { return xxh3.Hash128(data).Bytes() }

// digest returns the digest of a file. sums has the digests of the tensors, in the order
// of infos.
func digest(metadata map[string]string, infos []Info, sums []Digest) Digest {
	h := xxh3.New()
	text := func(s string) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
		h.WriteString(s)
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if key != digestKey {
			text(key)
			text(metadata[key])
		}
	}
	order := make([]int, len(infos))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(infos[a].Name, infos[b].Name) })
	for _, i := range order {
		text(infos[i].Name)
		text(string(infos[i].DType))
		text(fmt.Sprint(infos[i].Shape))
		h.Write(sums[i][:])
	}
	return h.Sum128().Bytes()
}

// Digest returns the digest that a file with this content has.
func (f *File) Digest() Digest {
	sums := make([]Digest, len(f.Tensors))
	for i, t := range f.Tensors {
		sums[i] = sum(t.Data)
	}
	return digest(f.Metadata, f.Infos(), sums)
}

// signed returns the metadata to write: with the digest, if it is a ScaleNet file.
func (f *File) signed() map[string]string {
	if !ours(f.Metadata) {
		return f.Metadata
	}
	metadata := maps.Clone(f.Metadata)
	metadata[digestKey] = digestPrefix + f.Digest().String()
	return metadata
}

// Digest returns the digest of the content of the file. It reads the tensors that were
// not read yet. With [NoVerify] it returns the digest in the metadata, if there is one.
func (r *Reader) Digest() (Digest, error) {
	r.summing.Lock()
	defer r.summing.Unlock()
	if r.digest != nil {
		return *r.digest, nil
	}
	if d, ok := parseDigest(r.declared); ok && r.unverified {
		return d, nil
	}
	sums := make([]Digest, len(r.entries))
	for i, e := range r.entries {
		s, ok := r.sums[i]
		if !ok {
			data, err := r.read(e)
			if err != nil {
				return Digest{}, err
			}
			s = sum(data)
		}
		sums[i] = s
	}
	d := digest(r.metadata, r.Infos(), sums)
	r.digest, r.sums = &d, nil
	return d, nil
}

// Verify returns an error if the content of the file does not have the digest in its
// metadata. It returns nil for files without a digest, such as those of other programs
// and of earlier versions, and with [NoVerify]. It reads the tensors that were not read
// yet, so it is best called after reading all tensors, before they are used.
func (r *Reader) Verify() error {
	if r.declared == "" || r.unverified {
		return nil
	}
	d, err := r.Digest()
	if err != nil {
		return err
	}
	if have := digestPrefix + d.String(); have != r.declared {
		return fmt.Errorf("%s: the file is damaged, or another program changed it: its content has the digest %s, but its metadata has %s (--no-verify turns off this check)",
			r.path, have, brief.Text(r.declared))
	}
	return nil
}
