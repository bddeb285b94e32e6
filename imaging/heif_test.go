package imaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The golden values are pillow-heif's (testdata/heif.py), which brings its own libheif.
func TestHEIFEqualsPillow(t *testing.T) {
	if _, err := exec.LookPath("heif-convert"); err != nil {
		t.Skip("heif-convert not found")
	}
	for _, name := range []string{"plain.heic", "turned.heic", "two.heic", "plain.avif"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", "heif", name))
			require.NoError(t, err)
			require.True(t, IsHEIF(data))
			m, err := DecodeHEIF(t.Context(), data, Limits{})
			require.NoError(t, err)
			golden, err := Load(filepath.Join("testdata", "heif", name+".png"), Limits{})
			require.NoError(t, err)
			require.Equal(t, []int{golden.W, golden.H}, []int{m.W, m.H})
			sum := 0
			for i := range m.Pix {
				sum += max(int(m.Pix[i])-int(golden.Pix[i]), int(golden.Pix[i])-int(m.Pix[i]))
			}
			require.Less(t, float64(sum)/float64(len(m.Pix)), 2.0, "mean difference in grey levels")
			_, err = DecodeHEIF(t.Context(), data[:len(data)/2], Limits{})
			require.ErrorIs(t, err, ErrCorrupt)
			_, err = DecodeHEIF(t.Context(), data, Limits{Pixels: 100})
			require.ErrorIs(t, err, ErrTooLarge)
		})
	}
}

func TestHEIFMissing(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "heif", "plain.heic"))
	require.NoError(t, err)
	t.Setenv("PATH", t.TempDir())
	_, err = DecodeHEIF(context.Background(), data, Limits{})
	require.ErrorIs(t, err, ErrNoHEIF)
	require.ErrorContains(t, err, "apt-get install libheif-examples")
}

func FuzzSizeHEIF(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "heif", "two.heic"))
	require.NoError(f, err)
	f.Add(data)
	f.Add([]byte("ispe\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if size, err := SizeHEIF(data, Limits{}); err == nil {
			require.LessOrEqual(t, size.W*size.H, 50_000_000)
		}
	})
}
