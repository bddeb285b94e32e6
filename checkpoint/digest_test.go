package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func signedFile() *File {
	return &File{
		Metadata: Describe(DetectorKey, "batch: 1", []string{"cat"}),
		Tensors:  []Tensor{Float32Tensor("a", []int{2}, []float32{1, 2}), Int64Tensor("b", []int{}, []int64{3}), Float32Tensor("c", []int{2}, []float32{3, 4})},
	}
}

func encoded(t *testing.T, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, f.Encode(&b))
	return b.Bytes()
}

// Every bit of a file of ours counts: turned over, the file is refused, or says
// the same. Where the name of the digest's key is hit there is no digest.
func TestEveryFlippedBitIsFound(t *testing.T) {
	f := signedFile()
	good := encoded(t, f)
	require.Contains(t, string(good), `"scalenet.digest":"xxh3:`)
	harmless := 0
	for i := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		got, err := Decode(bad, "bad")
		if err != nil {
			continue
		}
		harmless++
		require.Equal(t, f.Tensors, got.Tensors, "bit %d", i)
		for key, value := range f.Metadata {
			require.Equal(t, value, got.Metadata[key], "bit %d", i)
		}
	}
	require.Less(t, harmless, 200)
}

func TestDigest(t *testing.T) {
	f := signedFile()
	read := func(b []byte, options ...Option) *Reader {
		r, err := NewReader(bytes.NewReader(b), int64(len(b)), "memory", options...)
		require.NoError(t, err)
		return r
	}
	good := encoded(t, f)
	require.Equal(t, good, encoded(t, f), "the same bytes")
	r := read(good)
	require.Equal(t, f.Metadata, r.Metadata(), "the digest is none of the caller's affairs")
	require.NoError(t, r.Verify(), "before anything was read")
	want, err := r.Digest()
	require.NoError(t, err)

	again, err := read(good).File()
	require.NoError(t, err)
	require.Equal(t, good, encoded(t, again))

	other := signedFile()
	other.Tensors[0], other.Tensors[2] = other.Tensors[2], other.Tensors[0]
	d, err := read(encoded(t, other)).Digest()
	require.NoError(t, err)
	require.Equal(t, want, d, "the order is no content")

	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	_, err = read(bad).File()
	require.ErrorContains(t, err, "memory: the file is damaged")
	require.NotContains(t, err.Error(), "\n")
	_, err = read(bad, NoVerify).File()
	require.NoError(t, err)
	r = read(bad)
	_, err = r.Tensor("b")
	require.NoError(t, err)
	require.ErrorContains(t, r.Verify(), "damaged", "what was not asked for counts")
}

// A file of another program, or of an earlier version of ours, has no digest in
// it but one over it.
func TestDigestOfFilesWithout(t *testing.T) {
	r, err := Open("testdata/small.safetensors")
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Verify())
	d, err := r.Digest()
	require.NoError(t, err)
	require.Len(t, d.String(), 32)

	path := filepath.Join(t.TempDir(), "plain.safetensors")
	require.NoError(t, Save(path, &File{Metadata: map[string]string{"format": "pt"}}))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(b), "xxh3")
}

func BenchmarkVerify(b *testing.B) {
	f := signedFile()
	f.Tensors = append(f.Tensors, Float32Tensor("d", []int{1 << 20}, make([]float32, 1<<20)))
	var file bytes.Buffer
	require.NoError(b, f.Encode(&file))
	for name, options := range map[string][]Option{"verified": nil, "as it is": {NoVerify}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(file.Len()))
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()), "memory", options...)
				require.NoError(b, err)
				_, err = r.File()
				require.NoError(b, err)
			}
		})
	}
}
