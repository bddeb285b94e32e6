package imaging

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// matrixCase is a line of testdata/matrix.jsonl, which matrix.py makes with Pillow.
type matrixCase struct {
	Name      string
	File      []byte
	W, H      int
	RGB       []byte
	As        string // the line that has the pixels
	Tolerance int
}

func readMatrix(t testing.TB) []matrixCase {
	t.Helper()
	pixels := map[string][]byte{}
	var cases []matrixCase
	lines := bufio.NewScanner(bytes.NewReader(read(t, "matrix.jsonl")))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c matrixCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		if c.As != "" {
			c.RGB = pixels[c.As]
		}
		require.Len(t, c.RGB, c.W*c.H*3, c.Name)
		pixels[c.Name] = c.RGB
		cases = append(cases, c)
	}
	require.NoError(t, lines.Err())
	require.Greater(t, len(cases), 500)
	return cases
}

// TestMatrixEqualsPillow decodes every image of the matrix, upright. Inspect and Size say the same without decoding.
func TestMatrixEqualsPillow(t *testing.T) {
	dir := t.TempDir()
	for _, c := range readMatrix(t) {
		t.Run(c.Name, func(t *testing.T) {
			m, err := Decode(c.File, Limits{})
			if why, ok := unread()[c.Name]; ok {
				require.ErrorIs(t, err, ErrUnsupported, why)
				return
			}
			require.NoError(t, err)
			require.Equal(t, geom.Size{W: c.W, H: c.H}, geom.Size{W: m.W, H: m.H})
			require.LessOrEqual(t, furthest(rgb(m), c.RGB), c.Tolerance)

			h, err := Inspect(c.File, Limits{})
			require.NoError(t, err)
			require.Equal(t, geom.Size{W: c.W, H: c.H}, h.Size)
			path := filepath.Join(dir, "x.png") // the content counts, not the name
			require.NoError(t, os.WriteFile(path, c.File, 0o644))
			size, err := Size(path, Limits{})
			require.NoError(t, err)
			require.Equal(t, h.Size, size)
		})
	}
}

// unread lists what Pillow reads and we refuse, with the reason.
func unread() map[string]string {
	const rare = "x/image/bmp reads 1, 2, 4, 8, 24 and 32 bits without compression"
	return map[string]string{"bmp/16 bits": rare, "bmp/16 bits, masks": rare, "bmp/8 bits, runs": rare}
}

// TestMatrixCutOff cuts every image after every byte: what is left is refused in our words, or is the whole image.
func TestMatrixCutOff(t *testing.T) {
	for _, c := range readMatrix(t) {
		whole, err := Decode(c.File, Limits{})
		if err != nil {
			continue
		}
		for n := 0; n < len(c.File); n += 1 + n/64 {
			m, err := Decode(c.File[:n], Limits{})
			if err != nil {
				requireOurWords(t, err)
			} else if m.W == whole.W {
				require.Equal(t, whole.Pix, m.Pix, "%s cut off after %d of %d bytes", c.Name, n, len(c.File))
			}
		}
	}
}

// requireOurWords refuses errors of no kind and those that name a library, a package or a function.
func requireOurWords(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrCorrupt) {
		t.Fatalf("an error of no kind: %v", err)
	}
	for _, word := range []string{"OpenCV", "gocv", "imread", "imdecode", "EOF", "gif:", "bmp:", "tiff:", "zlib:", "lzw:", "ccitt:", "runtime"} {
		if bytes.Contains([]byte(err.Error()), []byte(word)) {
			t.Fatalf("%q in %q", word, err)
		}
	}
	require.Less(t, len(err.Error()), 300)
}
