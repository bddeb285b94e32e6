package checkpoint

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConvert(t *testing.T) {
	f := Float32Tensor("a", []int{2, 1}, []float32{1, -2.00390625})
	b, err := f.Convert(BF16)
	require.NoError(t, err)
	require.Equal(t, []byte{0x80, 0x3f, 0x00, 0xc0}, b.Data)
	back, err := b.Convert(F32)
	require.NoError(t, err)
	values, err := back.Float32s()
	require.NoError(t, err)
	require.Equal(t, []float32{1, -2}, values)
	_, err = f.Convert(I64)
	require.ErrorContains(t, err, `tensor "a"`)
	n := Int64Tensor("n", nil, []int64{4})
	same, err := n.Convert(BF16)
	require.NoError(t, err)
	require.Equal(t, I64, same.DType)
	require.ErrorContains(t, f.CopyFloat32s(make([]float32, 3)), "2 elements, the destination 3")
	_, err = f.Int64s()
	require.ErrorContains(t, err, `tensor "a": it is F32, want integers`)
}

func TestWriteAtomicKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	err := WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		require.NoError(t, err)
		return errors.New("disk on fire")
	})
	require.ErrorContains(t, err, "disk on fire")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "old", string(b))
	require.NoError(t, WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write([]byte("new"))
		return err
	}))
	b, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(b))
	stat, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), stat.Mode().Perm())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "temporary files stay behind")
	require.Error(t, WriteAtomic(filepath.Join(dir, "none", "f"), func(io.Writer) error { return nil }))
}
