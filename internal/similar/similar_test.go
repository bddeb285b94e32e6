package similar

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalenet/coco"
	"scalenet/imaging"
)

// TestHashEqualsImagehash compares with the Python package (testdata/golden.py).
func TestHashEqualsImagehash(t *testing.T) {
	var golden map[string]struct {
		Pixels [hashSide * hashSide]float64
		Hash   string
	}
	text, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &golden))
	require.Len(t, golden, 6)
	for name, c := range golden {
		want, err := strconv.ParseUint(c.Hash, 16, 64)
		require.NoError(t, err)
		require.Equal(t, want, pHash(&c.Pixels), name)
	}
}

// The tables find the pairs that a comparison of all finds, each once.
func TestIndexFindsAllPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		hashes := make([]uint64, rapid.IntRange(0, 60).Draw(t, "hashes"))
		for i := range hashes {
			hashes[i] = random.Uint64()
			if i > 0 && random.IntN(4) > 0 { // near one of the others
				hashes[i] = hashes[random.IntN(i)]
				for range random.IntN(maxBits + 3) {
					hashes[i] ^= 1 << random.IntN(64)
				}
			}
		}
		x := newIndex(hashes)
		for i, h := range hashes {
			found, want := map[int]int{}, map[int]int{}
			x.near(i, func(j int) { found[j]++ })
			for j := range i {
				if bits.OnesCount64(h^hashes[j]) <= maxBits {
					want[j] = 1
				}
			}
			require.Equal(t, want, found)
		}
	})
}

// scene draws rectangles at random places: another seed is another scene.
func scene(seed uint64, w, h int) *imaging.Image {
	random := rand.New(rand.NewPCG(seed, 0))
	m := imaging.New(w, h)
	for range 40 {
		x, y, dx, dy := random.IntN(w), random.IntN(h), w/20+random.IntN(w/4), h/20+random.IntN(h/4)
		fill(m, x, y, dx, dy, [3]uint8{uint8(random.IntN(220)), uint8(random.IntN(220)), uint8(random.IntN(220))})
	}
	return m
}

func fill(m *imaging.Image, x, y, dx, dy int, colour [3]uint8) {
	for row := y; row < min(m.H, y+dy); row++ {
		for column := x; column < min(m.W, x+dx); column++ {
			copy(m.Pix[(row*m.W+column)*3:], colour[:])
		}
	}
}

// copies are what becomes of an image that is passed on.
func copies(t testing.TB, dir string, m *imaging.Image) map[string]*imaging.Image {
	t.Helper()
	jpeg := filepath.Join(dir, "again.jpg")
	require.NoError(t, m.Save(jpeg))
	again, err := imaging.Load(jpeg, imaging.Limits{})
	require.NoError(t, err)
	w, h := m.W, m.H
	return map[string]*imaging.Image{
		"again":      again,
		"resized":    m.Resample(w*8/10, h*8/10),
		"stretched":  m.Resample(w, h*9/10),
		"brightened": m.Brightness(1.15),
		"darkened":   m.Brightness(0.7),
		"cropped":    m.Crop(w/100, h/100, w-w/50, h-h/50),
		"one corner": m.Crop(w/50, h/50, w-w/50, h-h/50),
	}
}

func TestAlike(t *testing.T) {
	m := scene(1, 320, 240)
	for name, c := range copies(t, t.TempDir(), m) {
		require.True(t, alike(newThumb(m), newThumb(c)), name)
		require.True(t, alike(newThumb(c), newThumb(m)), name)
		require.LessOrEqual(t, bits.OnesCount64(newThumb(m).hash()^newThumb(c).hash()), maxBits, name)
	}
	blank, grey := imaging.New(320, 240), imaging.New(320, 240)
	fill(grey, 0, 0, 320, 240, [3]uint8{99, 99, 99})
	other := m.Clone() // the same table, another card on it
	fill(other, 120, 80, 60, 80, [3]uint8{255, 255, 255})
	negative := m.Clone()
	for i, v := range negative.Pix {
		negative.Pix[i] = 255 - v
	}
	for name, c := range map[string]*imaging.Image{"another": scene(2, 320, 240), "blank": blank, "grey": grey, "another card": other, "negative": negative,
		"mirrored": m.FlipHorizontal(), "a part": m.Crop(40, 30, 240, 180)} {
		require.False(t, alike(newThumb(m), newThumb(c)), name)
		require.False(t, alike(newThumb(c), newThumb(m)), name)
	}
	require.False(t, alike(newThumb(blank), newThumb(grey)), "both blank")
	require.False(t, alike(newThumb(blank), newThumb(blank)), "both blank")
	require.False(t, alike(newThumb(imaging.New(1, 1)), newThumb(m)), "one pixel")
}

// FuzzAlike: whatever the thumbnails, an image is like itself unless it is blank, and the comparison has no order.
func FuzzAlike(f *testing.F) {
	f.Add([]byte{0}, []byte{255, 3})
	f.Add([]byte("abcabcd"), []byte("abcabce"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var x, y thumb
		for i := range x {
			if len(a) > 0 {
				x[i] = a[i%len(a)]
			}
			if len(b) > 0 {
				y[i] = b[i%len(b)]
			}
		}
		all, _ := unexplained(newField(&x), newField(&x))
		require.True(t, math.IsInf(all, 1) || alike(&x, &x))
		require.Equal(t, alike(&x, &y), alike(&y, &x))
		require.Equal(t, x.hash(), x.hash())
	})
}

// dataset writes images and names them in a data set.
func dataset(t testing.TB, images ...*imaging.Image) *coco.Dataset {
	d := &coco.Dataset{Path: "x.json", ImagesDir: t.TempDir()}
	for i, m := range images {
		name := fmt.Sprintf("é %d.png", i)
		if m != nil {
			require.NoError(t, m.Save(filepath.Join(d.ImagesDir, name)))
		}
		d.Images = append(d.Images, coco.Image{ID: int64(i), FileName: name})
	}
	return d
}

func TestFind(t *testing.T) {
	a, b := scene(1, 320, 240), scene(2, 200, 300)
	slow := []*imaging.Image{a}
	for i := range 6 { // a camera that moves: neighbours are near copies, the ends are not
		slow = append(slow, scene(1, 320, 240).Crop(5*(i+1), 0, 320-5*(i+1), 240))
	}
	for name, c := range map[string]struct {
		images []*imaging.Image
		want   [][]int
	}{
		"nothing":     {nil, nil},
		"one":         {[]*imaging.Image{a}, nil},
		"two scenes":  {[]*imaging.Image{a, b}, nil},
		"the same":    {[]*imaging.Image{a, b, a.Clone()}, [][]int{{0, 2}}},
		"two groups":  {[]*imaging.Image{b.Brightness(0.9), a, b, a.Resample(100, 80), scene(3, 99, 99)}, [][]int{{0, 2}, {1, 3}}},
		"not there":   {[]*imaging.Image{a, nil, nil, a}, [][]int{{0, 3}}},
		"slow camera": {slow, [][]int{{0, 1, 2, 3, 4, 5, 6}}},
		"blank":       {[]*imaging.Image{imaging.New(9, 9), imaging.New(50, 20), a}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := dataset(t, c.images...)
			for _, workers := range []int{0, 1, 3} {
				last := 0
				groups, err := Find(t.Context(), d, Options{Workers: workers, Progress: func(done int) { last = max(last, done) }})
				require.NoError(t, err)
				require.Equal(t, c.want, groups)
				require.Equal(t, len(c.images), last)
			}
		})
	}
	require.False(t, alike(newThumb(slow[0]), newThumb(slow[6])))

	d := dataset(t, a, a, a)
	require.NoError(t, os.WriteFile(d.ImagePath(1), []byte("corrupt"), 0o644))
	groups, err := Find(t.Context(), d, Options{})
	require.NoError(t, err)
	require.Equal(t, [][]int{{0, 2}}, groups)
	groups, err = Find(t.Context(), d, Options{Limits: imaging.Limits{Pixels: 10}})
	require.NoError(t, err)
	require.Empty(t, groups)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = Find(ctx, d, Options{Workers: 1, Progress: func(int) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
}

// TestRealData: what is found among published images. All groups were looked at: a blood smear at another focus, and photos of cards
// taken one after the other. What is not found are other cards on the same carpet, and other blood cells.
func TestRealData(t *testing.T) {
	for set, want := range map[string][][]string{
		"bccd/JPEGImages": {{"BloodImage_00037.jpg", "BloodImage_00038.jpg"}},
		"cards/images": {{"IMG_2464.jpg", "IMG_2465.jpg"}, {"IMG_2466.jpg", "IMG_2467.jpg"}, {"IMG_2468.jpg", "IMG_2469.jpg"}, {"IMG_2471.jpg", "IMG_2472.jpg"},
			{"IMG_2473.jpg", "IMG_2474.jpg"}, {"cam_image1.jpg", "cam_image54.jpg"}},
	} {
		root := os.Getenv("SCALENET_SHARED")
		if root == "" {
			root = filepath.Join("..", "..", "..", "shared")
		}
		files, err := imaging.List(filepath.Join(root, "data", set))
		if err != nil {
			t.Skip("shared data not found: " + err.Error())
		}
		d := new(coco.Dataset)
		for _, file := range files {
			file, err := filepath.Abs(file)
			require.NoError(t, err)
			d.Images = append(d.Images, coco.Image{FileName: file})
		}
		groups, err := Find(t.Context(), d, Options{})
		require.NoError(t, err)
		var got [][]string
		for _, group := range groups {
			var names []string
			for _, i := range group {
				names = append(names, filepath.Base(files[i]))
			}
			got = append(got, names)
		}
		require.Equal(t, want, got)
	}
}
