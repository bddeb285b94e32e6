package imaging

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalenet/raster"
)

func load(t testing.TB, name string) *Image {
	t.Helper()
	m, err := Load(filepath.Join("testdata", name), Limits{})
	require.NoError(t, err)
	return m
}

func TestFitEqualsTorchvision(t *testing.T) {
	var golden [][6]int
	readJSON(t, "fit.json", &golden)
	require.Greater(t, len(golden), 500)
	for _, g := range golden {
		w, h := Fit(g[0], g[1], g[2], g[3])
		assert.Equal(t, [2]int{g[4], g[5]}, [2]int{w, h}, "%dx%d to %d/%d", g[0], g[1], g[2], g[3])
	}
	w, h := Fit(4000, 2, 600, 1000)
	assert.Equal(t, [2]int{1000, 1}, [2]int{w, h}, "a side has at least one pixel")
}

// resized is a case of testdata/resized.json: the image rgb.png as torchvision's detector gets it, and resized to bytes.
type resized struct {
	W, H, Shorter, Longest int
	NHWC                   []float32
	Bytes                  []int
}

func TestResizeEqualsTorch(t *testing.T) {
	var golden []resized
	readJSON(t, "resized.json", &golden)
	m := load(t, "rgb.png")
	for _, g := range golden {
		t.Run(fmt.Sprintf("%dx%d", g.W, g.H), func(t *testing.T) {
			w, h := Fit(m.W, m.H, g.Shorter, g.Longest)
			require.Equal(t, [2]int{g.W, g.H}, [2]int{w, h})

			const gap = 5 // values at the end of each row that must stay
			stride := w*3 + gap
			dst := make([]float32, stride*h)
			for i := range dst {
				dst[i] = 77
			}
			require.NoError(t, ImageNet().FillResized(dst, stride, m, raster.Transform{W: w, H: h}))
			for y := range h {
				assert.InDeltaSlice(t, g.NHWC[y*w*3:(y+1)*w*3], dst[y*stride:y*stride+w*3], 1e-5)
				assert.Equal(t, []float32{77, 77, 77, 77, 77}, dst[y*stride+w*3:(y+1)*stride])
			}

			r, err := m.Resize(w, h)
			require.NoError(t, err)
			want := make([]uint8, len(g.Bytes))
			for i, v := range g.Bytes {
				want[i] = uint8(v)
			}
			assert.LessOrEqual(t, furthest(rgb(r), want), 1)
		})
	}
}

func TestResizeBounds(t *testing.T) {
	m := load(t, "rgb.png")
	for _, size := range [][2]int{{0, 5}, {5, 0}, {-1, -1}} {
		_, err := m.Resize(size[0], size[1])
		assert.ErrorContains(t, err, "sides must be at least 1")
		assert.ErrorContains(t, ImageNet().FillResized(nil, 0, m, raster.Transform{W: size[0], H: size[1]}), "sides must be at least 1")
	}
	for _, name := range []string{"1x1.png", "4000x20.png"} {
		m := load(t, name)
		for _, size := range [][2]int{{1, 1}, {1, 700}, {600, 3}} {
			r, err := m.Resize(size[0], size[1])
			require.NoError(t, err)
			assert.Equal(t, size, [2]int{r.W, r.H})
			require.NoError(t, ImageNet().FillResized(make([]float32, size[0]*size[1]*3), size[0]*3, m, raster.Transform{W: size[0], H: size[1]}))
		}
	}
}

// TestFillPaths: resizing to bytes and then normalising stays within the rounding of a byte of the float path.
func TestFillPaths(t *testing.T) {
	m := load(t, "rgb.png")
	n := ImageNet()
	r, err := m.Resize(31, 47)
	require.NoError(t, err)
	fast, exact := make([]float32, 31*47*3), make([]float32, 31*47*3)
	require.NoError(t, n.Fill(fast, 31*3, r))
	require.NoError(t, n.FillResized(exact, 31*3, m, raster.Transform{W: 31, H: 47}))
	assert.InDeltaSlice(t, exact, fast, 1.0/255/0.224)

	require.NoError(t, n.FillResized(exact, m.W*3, m, raster.Transform{W: m.W, H: m.H}))
	p := m.Pix[(3*m.W+5)*3:]
	at := exact[(3*m.W+5)*3:]
	for c := range 3 {
		assert.Equal(t, (float32(p[2-c])/255-n.Mean[c])/n.Std[c], at[c])
	}

	assert.ErrorContains(t, n.Fill(fast, m.W*3-1, m), "a stride of 71 is below the 72 values of a row")
	assert.ErrorContains(t, n.Fill(fast[:100], m.W*3, m), "1152 values for 100")
}

func TestFillAllocatesNothing(t *testing.T) {
	m, n := load(t, "rgb.png"), ImageNet()
	dst := make([]float32, m.W*m.H*3)
	assert.Zero(t, testing.AllocsPerRun(10, func() { _ = n.Fill(dst, m.W*3, m) }))
}

// TestOrientations: what Pillow shows is in TestDecodeEqualsPillow; here the turns as a group.
func TestOrientations(t *testing.T) {
	inverse := [...]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(1, 7).Draw(t, "w"), rapid.IntRange(1, 7).Draw(t, "h")
		m := New(w, h)
		copy(m.Pix, rapid.SliceOfN(rapid.Uint8(), len(m.Pix), len(m.Pix)).Draw(t, "pix"))
		before := m.Clone()
		for o := 1; o <= 8; o++ {
			if back := m.oriented(o).oriented(inverse[o]); !assert.ObjectsAreEqual(before, back) {
				t.Fatalf("orientation %d and back: %v", o, back)
			}
		}
		if !assert.ObjectsAreEqual(m.FlipHorizontal().FlipVertical(), m.oriented(3)) || !assert.ObjectsAreEqual(before, m) {
			t.Fatalf("flips of %v", m)
		}
	})
}

func TestFlips(t *testing.T) {
	m := &Image{W: 2, H: 2, Pix: []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	assert.Equal(t, []uint8{4, 5, 6, 1, 2, 3, 10, 11, 12, 7, 8, 9}, m.FlipHorizontal().Pix)
	assert.Equal(t, []uint8{7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6}, m.FlipVertical().Pix)
}

func TestBrightness(t *testing.T) {
	m := &Image{W: 1, H: 1, Pix: []uint8{0, 100, 200}}
	assert.Equal(t, []uint8{0, 150, 255}, m.Brightness(1.5).Pix)
	assert.Equal(t, []uint8{0, 0, 0}, m.Brightness(0).Pix)
	assert.Equal(t, []uint8{0, 100, 200}, m.Pix)
	assert.Panics(t, func() { m.Brightness(math.NaN()) })
	assert.Panics(t, func() { m.Brightness(math.Inf(1)) })
	assert.Panics(t, func() { m.Brightness(-0.1) })
}

func TestSave(t *testing.T) {
	m := load(t, "rgb.png")
	dir := t.TempDir()
	for name, tolerance := range map[string]int{"a.png": 0, "b.JPG": 10, "c.jpeg": 10} { // JPEG blurs the image's hard edges
		path := filepath.Join(dir, name)
		require.NoError(t, m.Save(path))
		require.NoError(t, m.Save(path), "over an older file")
		back, err := Load(path, Limits{})
		require.NoError(t, err)
		sum := 0
		for i := range m.Pix {
			sum += max(int(m.Pix[i]), int(back.Pix[i])) - min(int(m.Pix[i]), int(back.Pix[i]))
		}
		assert.LessOrEqual(t, sum/len(m.Pix), tolerance, "mean difference")
	}
	assert.ErrorIs(t, m.Save(filepath.Join(dir, "d.bmp")), ErrUnsupported)
	assert.ErrorIs(t, m.Save(filepath.Join(dir, "absent", "e.png")), os.ErrNotExist)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 3, "nothing else is left in the folder")
}

// BenchmarkDecodeJPEG decodes a photograph of 640x480 here and in OpenCV.
func BenchmarkDecodeJPEG(b *testing.B) {
	data, err := os.ReadFile("../examples/BloodImage_00014.jpg")
	require.NoError(b, err)
	h, err := inspectJPEG(data, Limits{}.orDefault())
	require.NoError(b, err)
	for _, decoder := range []struct {
		name   string
		decode func([]byte, header) (*Image, error)
	}{{"here", decodeJPEG}, {"OpenCV", decodeOpenCV}} {
		b.Run(decoder.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := decoder.decode(data, h); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkInput600x1000(b *testing.B) {
	m, err := load(b, "rgb.png").Resize(1920, 1080)
	require.NoError(b, err)
	const w, h = 1000, 562
	small, err := m.Resize(w, h)
	require.NoError(b, err)
	dst, n := make([]float32, w*h*3), ImageNet()
	b.Run("resize", func(b *testing.B) {
		for b.Loop() {
			_, _ = m.Resize(w, h)
		}
	})
	b.Run("fill", func(b *testing.B) {
		for b.Loop() {
			_ = n.Fill(dst, w*3, small)
		}
	})
	b.Run("fill resized", func(b *testing.B) {
		for b.Loop() {
			_ = n.FillResized(dst, w*3, m, raster.Transform{W: w, H: h})
		}
	})
}
