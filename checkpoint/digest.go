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

// digestKey is where the metadata of our own files has their digest, written as
// "xxh3:" and 32 hexadecimal digits.
const (
	digestKey    = "scalenet.digest"
	digestPrefix = "xxh3:"
)

// ours tells whether metadata is that of a file of ours, which gets a digest.
func ours(metadata map[string]string) bool {
	for key := range metadata {
		if strings.HasPrefix(key, "scalenet.") && key != digestKey {
			return true
		}
	}
	return false
}

// Digest is the XXH3 of 128 bits of what a file says: its metadata but for the
// digest itself, and the name, type, shape and data of every tensor. The order
// of either does not count, nor where in the file the data are. It finds damage,
// not forgery.
type Digest [16]byte

// String gives 32 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// parseDigest reads what is in the metadata.
func parseDigest(text string) (d Digest, ok bool) {
	b, err := hex.DecodeString(strings.TrimPrefix(text, digestPrefix))
	return d, err == nil && copy(d[:], b) == len(d) && len(b) == len(d)
}

// sum is that of one tensor's data.
func sum(data []byte) Digest { return xxh3.Hash128(data).Bytes() }

// digest puts the parts together; sums has the tensors' in their order.
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

// signed is the metadata as it is written: with the digest where the file is ours.
func (f *File) signed() map[string]string {
	if !ours(f.Metadata) {
		return f.Metadata
	}
	sums := make([]Digest, len(f.Tensors))
	for i, t := range f.Tensors {
		sums[i] = sum(t.Data)
	}
	metadata := maps.Clone(f.Metadata)
	metadata[digestKey] = digestPrefix + digest(f.Metadata, f.Infos(), sums).String()
	return metadata
}

// Digest is that of the file's content; with [NoVerify] the one that was written
// with it, if any. Tensors that were not read yet are read for it.
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

// Verify holds the file's content against the digest that was written with it.
// Files of other programs have none, nor have ours of earlier versions: nothing
// is found out about these. It is cheapest after all tensors were read, and
// before they are used. A Reader with [NoVerify] does nothing here.
func (r *Reader) Verify() error {
	if r.declared == "" || r.unverified {
		return nil
	}
	d, err := r.Digest()
	if err != nil {
		return err
	}
	if have := digestPrefix + d.String(); have != r.declared {
		return fmt.Errorf("%s: the file is damaged, or another program changed it: its content has the digest %s, its metadata say %s (--no-verify takes it as it is)",
			r.path, have, brief.Text(r.declared))
	}
	return nil
}
