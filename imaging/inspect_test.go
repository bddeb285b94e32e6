package imaging

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// TestSizeEqualsDecode asks for the size of every file that can be decoded.
func TestSizeEqualsDecode(t *testing.T) {
	var golden map[string]struct{ W, H int }
	readJSON(t, "decoded.json", &golden)
	for name, want := range golden {
		size, err := Size(filepath.Join("testdata", name), Limits{})
		require.NoError(t, err, name)
		require.Equal(t, geom.Size{W: want.W, H: want.H}, size, name)
		h, err := Inspect(read(t, name), Limits{})
		require.NoError(t, err, name)
		require.Equal(t, size, h.Size, name)
	}
	h, err := Inspect(read(t, "orientation6.jpg"), Limits{})
	require.NoError(t, err)
	require.True(t, h.Rotated)
	require.Equal(t, "JPEG", h.Format)
}

func TestSizeOfOddFiles(t *testing.T) {
	jpeg := read(t, "baseline.jpg")
	write := func(data []byte) string {
		path := filepath.Join(t.TempDir(), "x")
		require.NoError(t, os.WriteFile(path, data, 0o644))
		return path
	}
	// A preview before the frame header, longer than what is read at first: three segments of 60,000 bytes.
	segment := append([]byte{0xff, 0xe2, 60_002 >> 8, 60_002 & 0xff}, make([]byte, 60_000)...)
	long := append(bytes.Clone(jpeg[:2]), bytes.Repeat(segment, 3)...)
	long = append(long, jpeg[2:]...)
	size, err := Size(write(long), Limits{})
	require.NoError(t, err)
	require.Equal(t, geom.Size{W: 24, H: 16}, size)
	size, err = Size(write(jpeg[:len(jpeg)-2]), Limits{})
	require.NoError(t, err, "cut off behind the header")
	require.Equal(t, geom.Size{W: 24, H: 16}, size)

	for name, data := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut off": jpeg[:30]} {
		path := write(data)
		_, err := Size(path, Limits{})
		require.ErrorContains(t, err, path, name)
	}
	_, err = Size(write(jpeg), Limits{Side: 20})
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = Size(filepath.Join(t.TempDir(), "none"), Limits{})
	require.ErrorIs(t, err, os.ErrNotExist)
}
