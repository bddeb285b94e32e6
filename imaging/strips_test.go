package imaging

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gocv.io/x/gocv"

	"scalenet/geom"
)

// readInStrips reads a picture by tiles of the given side.
func readInStrips(data []byte, limits Limits, side int) (*Image, error) {
	s, err := newStrips(bytes.NewReader(data), int64(len(data)), limits)
	if err != nil || s == nil {
		return nil, err
	}
	defer s.Close()
	size := s.Size()
	out := New(size.W, size.H)
	var parts []image.Rectangle
	for y := 0; y < size.H; y += side {
		for x := 0; x < size.W; x += side {
			parts = append(parts, image.Rect(x, y, min(x+side, size.W), min(y+side, size.H)))
		}
	}
	rand.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	for p, err := range s.Parts(parts) {
		if err != nil {
			return nil, err
		}
		r := parts[p.Index]
		for y := range p.Image.H {
			copy(out.Pix[((r.Min.Y+y)*out.W+r.Min.X)*3:], p.Image.Pix[y*p.Image.W*3:(y+1)*p.Image.W*3])
		}
	}
	return out, nil
}

// stripFiles are the TIFF and JPEG files of the tests.
func stripFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for i, c := range readMatrix(t) {
		files[fmt.Sprintf("matrix %d", i)] = c.File
	}
	names, _ := filepath.Glob("testdata/*.*")
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".jpg" || ext == ".tiff" {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			files[name] = data
		}
	}
	for name, data := range files {
		if f, open := stripsFormat(data[:min(16, len(data))]); open == nil || f == "" {
			delete(files, name)
		}
	}
	require.Greater(t, len(files), 30)
	return files
}

func TestStripsEqualDecode(t *testing.T) {
	for name, data := range stripFiles(t) {
		t.Run(name, func(t *testing.T) {
			want, wantErr := Decode(data, Limits{})
			for _, side := range []int{1, 7, 640} {
				got, err := readInStrips(data, stripLimits(), side)
				if wantErr != nil {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			for _, n := range []int{0, 3, 9, len(data) / 3, len(data) - 5} {
				_, err := readInStrips(data[:min(n, len(data))], stripLimits(), 7)
				if wantErr == nil && err != nil {
					requireOurWords(t, err)
				}
				if _, decodeErr := Decode(data[:min(n, len(data))], Limits{}); n > 9 && decodeErr != nil {
					require.Error(t, err, "cut at %d", n)
				}
			}
		})
	}
}

// jpegByOpenCV decodes a JPEG as decodeJPEG does, in OpenCV.
func jpegByOpenCV(data []byte, h header) (*Image, error) {
	return decodeMat(data, map[int]gocv.IMReadFlag{0: gocv.IMReadColor, 1: gocv.IMReadColor, 2: gocv.IMReadReducedColor2,
		4: gocv.IMReadReducedColor4, 8: gocv.IMReadReducedColor8}[h.reduction])
}

// requireAsOpenCV compares the pixels of a JPEG with those of OpenCV's decoder.
func requireAsOpenCV(t *testing.T, data []byte, h header) {
	t.Helper()
	want, err := jpegByOpenCV(data, h)
	if err != nil {
		return // it does not read what breaks off before the last row
	}
	got, err := decodeJPEG(data, h)
	if err == nil && !bytes.Equal(want.Pix, got.Pix) {
		t.Fatalf("%dx%d divided by %d: other pixels than those of OpenCV", h.w, h.h, h.reduction)
	}
}

func TestJPEGEqualsOpenCV(t *testing.T) {
	files := stripFiles(t)
	names, _ := filepath.Glob("../examples/*.jpg")
	require.NotEmpty(t, names)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		files[name] = data
	}
	compared := 0
	for name, data := range files {
		if f, err := formatOf(data, Limits{}.orDefault()); err != nil || f.name != "JPEG" {
			continue
		}
		h, err := inspectJPEG(data, Limits{}.orDefault())
		if err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, h.reduction = range []int{1, 2, 4, 8} {
				want, err := jpegByOpenCV(data, h)
				require.NoError(t, err)
				got, err := decodeJPEG(data, h)
				require.NoError(t, err)
				require.Equal(t, want, got)
				compared++
			}
		})
	}
	require.Greater(t, compared, 100)
}

func FuzzStrips(f *testing.F) {
	for _, data := range stripFiles(f) {
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	limits := Limits{Bytes: 1 << 16, Side: 4096, Pixels: 1 << 18}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readInStrips(data, limits, 16)
		if err != nil {
			requireOurWords(t, err)
		}
		if f, err := formatOf(data, limits); err == nil && f.name == "JPEG" {
			if h, err := inspectJPEG(data, limits); err == nil {
				h.reduction = 1 << (len(data) % 4)
				requireAsOpenCV(t, data, h)
			}
		}
		if want, decodeErr := Decode(data, limits); got != nil && decodeErr == nil && !bytes.Equal(want.Pix, got.Pix) {
			t.Fatalf("other pixels than those of Decode (%dx%d, %dx%d)", want.W, want.H, got.W, got.H)
		}
	})
}

// largeTIFF writes a grey TIFF of strips without pixel data of its own for each: all strips share one.
func largeTIFF(t *testing.T, w, h, tile int) string {
	t.Helper()
	blocks, first, counts, width, height := h/tile, uint16(tagStripOffsets), uint16(tagStripCounts), w, tile
	var b bytes.Buffer
	type entry struct {
		tag, kind uint16
		count, v  uint32
	}
	entries := []entry{{tagWidth, 4, 1, uint32(w)}, {tagHeight, 4, 1, uint32(h)}, {tagBits, 3, 1, 8}, {tagCompression, 3, 1, 1}, {tagPhotometric, 3, 1, 1},
		{first, 4, uint32(blocks), 200}, {tagRowsPerStrip, 4, 1, uint32(tile)}, {counts, 4, uint32(blocks), 200 + uint32(4*blocks)}}
	b.WriteString("II*\x00\x08\x00\x00\x00")
	write := func(v any) { require.NoError(t, binary.Write(&b, binary.LittleEndian, v)) }
	write(uint16(len(entries)))
	for _, e := range entries {
		write(e)
	}
	b.Write(make([]byte, 200-b.Len()))
	pixels := uint32(200 + 8*blocks)
	for range blocks {
		write(pixels)
	}
	for range blocks {
		write(uint32(width * height))
	}
	row := make([]byte, width)
	for y := range height {
		for x := range row {
			row[x] = byte(x/100 + y)
		}
		b.Write(row)
	}
	path := filepath.Join(t.TempDir(), "large.tif")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	return path
}

// TestLargePicture reads 320 million pixels, more than Load takes.
func TestLargePicture(t *testing.T) {
	const w, h = 20000, 16000
	path := largeTIFF(t, w, h, 100)
	_, err := Load(path, Limits{})
	require.ErrorIs(t, err, ErrTooLarge)
	s, err := OpenStrips(path, Limits{})
	require.NoError(t, err)
	defer s.Close()
	require.True(t, s.Streamed())
	require.Equal(t, geom.Size{W: w, H: h}, s.Size())
	s.Reduce(50)
	parts := []image.Rectangle{image.Rect(19990, 15990, 20000, 16000), image.Rect(5000, 50, 5003, 52)}
	var order []int
	for p, err := range s.Parts(parts) {
		require.NoError(t, err)
		order = append(order, p.Index)
		r := parts[p.Index]
		for y := range p.Image.H {
			for x := range p.Image.W {
				require.Equal(t, byte((r.Min.X+x)/100+(r.Min.Y+y)%100), p.Image.Pix[(y*p.Image.W+x)*3])
			}
		}
	}
	require.Equal(t, []int{1, 0}, order)
	whole := s.Whole()
	require.Equal(t, []int{400, 320}, []int{whole.W, whole.H})
	require.EqualValues(t, 25, whole.Pix[0], "the mean of 0 to 49 is 24.5")
	require.EqualValues(t, 75, whole.Pix[400*3])
}

func TestReduce(t *testing.T) {
	for _, c := range []struct{ w, h, factor int }{{1, 1, 1}, {1, 1, 9}, {7, 5, 2}, {6, 4, 2}, {5, 7, 3}, {3, 9, 100}} {
		m := New(c.w, c.h)
		for i := range m.Pix {
			m.Pix[i] = byte(i * 37)
		}
		d := newReduction(geom.Size{W: c.w, H: c.h}, c.factor)
		for y := range c.h {
			d.add(m.Pix[y*c.w*3 : (y+1)*c.w*3])
		}
		for y := range d.image.H {
			for x := range d.image.W {
				for k := range 3 {
					sum, n := 0, 0
					for v := y * c.factor; v < min((y+1)*c.factor, c.h); v++ {
						for u := x * c.factor; u < min((x+1)*c.factor, c.w); u++ {
							sum, n = sum+int(m.Pix[(v*c.w+u)*3+k]), n+1
						}
					}
					require.EqualValues(t, (sum+n/2)/n, d.image.Pix[(y*d.image.W+x)*3+k], "%+v", c)
				}
			}
		}
	}
}

func TestStripsErrors(t *testing.T) {
	_, err := OpenStrips("testdata/nothing.tif", Limits{})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = OpenStrips("testdata/rgb.png", Limits{Pixels: 10})
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, "rgb.png")
	path := largeTIFF(t, 20000, 3000, 100)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)-5], 0o644))
	s, err := OpenStrips(path, Limits{})
	require.NoError(t, err)
	defer s.Close()
	for _, err = range s.Parts([]image.Rectangle{image.Rect(0, 0, 10, 100)}) {
		require.ErrorIs(t, err, ErrCorrupt)
	}
	require.True(t, strings.HasPrefix(err.Error(), path), err)
}
