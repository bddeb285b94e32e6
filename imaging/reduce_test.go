package imaging

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"scalenet/geom"
)

// TestDecodeReducedEqualsPillow compares with Pillow's draft mode.
func TestDecodeReducedEqualsPillow(t *testing.T) {
	var golden []struct {
		Name     string
		File     []byte
		By, W, H int
		RGB      string
	}
	readJSON(t, "reduced.json", &golden)
	require.Len(t, golden, 21)
	for _, c := range golden {
		t.Run(c.Name, func(t *testing.T) {
			f, err := formatOf(c.File, Limits{}.orDefault())
			require.NoError(t, err)
			h, err := f.inspect(c.File, Limits{}.orDefault())
			require.NoError(t, err)
			require.Equal(t, geom.Size{W: c.W, H: c.H}, h.upright())
			h.reduction = c.By // also where the last pixel reaches beyond the image by more than DecodeReduced allows
			got, err := f.pixels(c.File, h)
			require.NoError(t, err)
			pixels, err := hex.DecodeString(c.RGB)
			require.NoError(t, err)
			got = got.oriented(h.orientation)
			require.Equal(t, [2]int{reduced(c.W, c.By), reduced(c.H, c.By)}, [2]int{got.W, got.H})
			tolerance := 2 // versions of libjpeg round differently
			if c.Name == "CMYK" {
				tolerance = 4
			}
			assert.LessOrEqual(t, furthest(rgb(got), pixels), tolerance)
		})
	}
}

func TestDecodeReduced(t *testing.T) {
	photo := func(w, h int) []byte {
		data, err := New(w, h).Encode(".jpg")
		require.NoError(t, err)
		return data
	}
	exactly := func(w, h int) Needed { return func(geom.Size) geom.Size { return geom.Size{W: w, H: h} } }
	for _, c := range []struct {
		name   string
		data   []byte
		needed Needed
		want   [2]int
		full   geom.Size
	}{
		{"an eighth", photo(800, 600), exactly(50, 37), [2]int{100, 75}, geom.Size{W: 800, H: 600}},
		{"more than an eighth", photo(800, 600), exactly(51, 37), [2]int{200, 150}, geom.Size{W: 800, H: 600}},
		{"one side more than a quarter", photo(800, 600), exactly(50, 151), [2]int{800, 600}, geom.Size{W: 800, H: 600}},
		{"larger than the image", photo(80, 60), exactly(800, 600), [2]int{80, 60}, geom.Size{W: 80, H: 60}},
		{"a last pixel of which a part is beyond", photo(801, 599), exactly(60, 60), [2]int{201, 150}, geom.Size{W: 801, H: 599}},
		{"too much of it beyond", photo(33, 32), exactly(4, 4), [2]int{17, 16}, geom.Size{W: 33, H: 32}},
		{"one pixel", photo(1, 1), exactly(1, 1), [2]int{1, 1}, geom.Size{W: 1, H: 1}},
		{"as it is", photo(80, 60), nil, [2]int{80, 60}, geom.Size{W: 80, H: 60}},
		{"turned", read(t, "orientation6.jpg"), exactly(2, 3), [2]int{4, 6}, geom.Size{W: 16, H: 24}},
		{"not a JPEG", read(t, "rgb.png"), exactly(4, 4), [2]int{24, 16}, geom.Size{W: 24, H: 16}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, size, err := DecodeReduced(c.data, Limits{}, c.needed)
			require.NoError(t, err)
			assert.Equal(t, c.want, [2]int{m.W, m.H})
			assert.Equal(t, c.full, size)
			assert.Len(t, m.Pix, 3*m.W*m.H)
		})
	}
	_, _, err := DecodeReduced(photo(80, 60)[:200], Limits{}, exactly(1, 1))
	require.ErrorIs(t, err, ErrCorrupt)
}

// BenchmarkDecodeReduced decodes a photograph of 12 million pixels as a whole and for a small detector.
func BenchmarkDecodeReduced(b *testing.B) {
	m, err := Load("../examples/coffee.jpg", Limits{})
	require.NoError(b, err)
	m, err = m.Resize(4032, 3024)
	require.NoError(b, err)
	data, err := m.Encode(".jpg")
	require.NoError(b, err)
	for _, c := range []struct {
		name   string
		needed Needed
	}{
		{"whole", nil},
		{"384x288", func(geom.Size) geom.Size { return geom.Size{W: 384, H: 288} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := DecodeReduced(data, Limits{}, c.needed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
