package figure

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct{ low, high float64 }{{0, 1}, {0, 0.87}, {0, 3.9}, {1, 12345}, {-1, 1}, {0, 1e-4}, {7, 8}} {
		marks := Ticks(c.low, c.high)
		require.GreaterOrEqual(t, len(marks), 4, c)
		require.LessOrEqual(t, len(marks), 11, c)
		require.GreaterOrEqual(t, marks[0].Value, c.low-1e-9, c)
		require.LessOrEqual(t, marks[len(marks)-1].Value, c.high+1e-9, c)
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "two.png")
	require.NoError(t, Write(path, 4*vg.Inch, 3*vg.Inch, New("upper", "x", "y"), New("lower", "x", "y")))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	image, err := png.Decode(f)
	require.NoError(t, err)
	require.Equal(t, [2]int{440, 330}, [2]int{image.Bounds().Dx(), image.Bounds().Dy()})
	err = Write(filepath.Join(path, "no folder.png"), vg.Inch, vg.Inch, New("", "", ""))
	require.ErrorContains(t, err, "no folder.png")
}
