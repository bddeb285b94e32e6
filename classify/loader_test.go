package classify

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"scalenet/engine/ref"
	"scalenet/imaging"
	"scalenet/internal/prefetch"

	"github.com/stretchr/testify/require"
)

// small is a configuration of a network that trains in moments.
func small(t testing.TB) Config {
	c, err := Presets().Get("cifar")
	require.NoError(t, err)
	c.Backbone.Name, c.Backbone.Blocks, c.Backbone.Planes = "scalenet", []int{1, 1}, []int{4, 8}
	c.Backbone.Stem.Channels, c.Backbone.Stem.Kernel, c.Backbone.Stem.Stride = 8, 3, 1
	c.Backbone.Scales = []int{1, 2, 4}
	c.Backbone.Structure = [][]int{{3, 2, 2, 32}, {5, 4, 3, 16}}
	c.Batch = 8
	c.Train.Epochs, c.Train.LogSteps, c.Train.Schedule.Milestones = 2, 1, []int{}
	return c
}

func openSmall(t testing.TB, train, test int) (*Dataset, *Dataset) {
	t.Helper()
	dir := writeFiles(t, t.TempDir(), cifar100(train, test))
	a, err := Open(dir, Train)
	require.NoError(t, err)
	b, err := Open(dir, Test)
	require.NoError(t, err)
	return a, b
}

func all(t testing.TB, p *prefetch.Loader[*Batch]) (list []*Batch) {
	t.Helper()
	for {
		b, err := p.Next(context.Background())
		if err == io.EOF {
			return list
		}
		require.NoError(t, err)
		list = append(list, b)
	}
}

func TestLoader(t *testing.T) {
	data, _ := openSmall(t, 21, 3)
	c := small(t)
	l, err := NewLoader(c, data, nil)
	require.NoError(t, err)
	defer l.Close()
	require.Equal(t, 3, l.Batches())
	first := all(t, l)
	require.Len(t, first, 3)
	seen := map[string]int{}
	for _, b := range first {
		require.Len(t, b.Pixels, 8*32*32*3)
		for i, name := range b.Names {
			seen[name]++
			require.Contains(t, name, fmt.Sprintf("[%d]", b.Labels[i]), "record i is of class i")
		}
	}
	require.Len(t, seen, 21, "every image comes up in an epoch")
	require.NoError(t, l.Seek(1, 0))
	second := all(t, l)
	require.NotEqual(t, first[0].Names, second[0].Names, "epochs have orders of their own")
	require.NoError(t, l.Seek(1, 2))
	require.Equal(t, second[2:], all(t, l), "a batch depends on its place only")

	again, err := NewLoader(c, data, nil)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, first, all(t, again))
	c.Train.Seed++
	other, err := NewLoader(c, data, nil)
	require.NoError(t, err)
	defer other.Close()
	require.NotEqual(t, first[0].Names, all(t, other)[0].Names)

	_, err = NewLoader(c, &Dataset{Path: "empty"}, nil)
	require.ErrorContains(t, err, "empty: no images")
}

func TestTestLoaderIsInOrder(t *testing.T) {
	data, _ := openSmall(t, 10, 1)
	c := small(t)
	l := newTestLoader(c, data, 4, nil)
	defer l.Close()
	list := all(t, l)
	require.Len(t, list, 3)
	require.Equal(t, []int32{8, 9, -1, -1}, list[2].Labels)
	require.Equal(t, "train.bin[5]", list[1].Names[1])
	m, err := data.Image(5)
	require.NoError(t, err)
	require.Equal(t, m.Pix, list[1].Pixels[1*32*32*3:2*32*32*3])
}

// A corrupt image is an error that names it, or left out and counted.
func TestCorruptImage(t *testing.T) {
	dir := imagesIn(t, t.TempDir(), 5, "a", "b")
	bad := filepath.Join(dir, "a", "02.png")
	require.NoError(t, os.WriteFile(bad, []byte("no image"), 0o644))
	data, err := Open(dir, Train)
	require.NoError(t, err)
	c := small(t)
	c.Augment.Crop, c.Batch = CropResized, 4

	l, err := NewLoader(c, data, nil)
	require.NoError(t, err)
	defer l.Close()
	for err == nil {
		_, err = l.Next(context.Background())
	}
	require.ErrorContains(t, err, bad)

	var told []error
	skipped := &Skipped{Report: func(err error) { told = append(told, err) }}
	l, err = NewLoader(c, data, skipped)
	require.NoError(t, err)
	defer l.Close()
	for epoch := range 2 {
		require.NoError(t, l.Seek(epoch, 0))
		for _, b := range all(t, l) {
			require.Len(t, b.Names, 4)
			require.NotContains(t, b.Names, bad)
		}
	}
	require.Equal(t, 1, skipped.Count())
	require.Len(t, told, 1)
	require.ErrorContains(t, told[0], bad)

	tests := newTestLoader(c, data, 3, skipped)
	defer tests.Close()
	left := 0
	for _, b := range all(t, tests) {
		for _, label := range b.Labels {
			if label >= 0 {
				left++
			}
		}
	}
	require.Equal(t, 9, left)
	require.Equal(t, 1, skipped.Count(), "counted once")

	for _, class := range []string{"a", "b"} {
		for _, e := range []string{"00", "01", "02", "03", "04"} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, class, e+".png"), nil, 0o644))
		}
	}
	l, err = NewLoader(c, data, &Skipped{})
	require.NoError(t, err)
	defer l.Close()
	_, err = l.Next(context.Background())
	require.ErrorContains(t, err, "none of its 10 images can be read")
}

func TestAugment(t *testing.T) {
	c := small(t)
	m := imaging.New(32, 32)
	for i := range m.Pix {
		m.Pix[i] = byte(1 + i*i*7919/13%255)
	}
	corners, flipped := map[[2]int]bool{}, 0
	flip := Config{Input: c.Input, Augment: Augment{Crop: CropCentre, Flip: true}}
	for i := range 800 {
		random := prefetch.Rand(1, 0, i)
		got := cropPadded(m, 32, 4, random)
		require.Equal(t, [2]int{32, 32}, [2]int{got.W, got.H})
		// Where the image's middle went says how it was moved.
		found := [2]int{-9, -9}
		for dy := -4; dy <= 4; dy++ {
			for dx := -4; dx <= 4; dx++ {
				if slices.Equal(got.Crop(12+dx, 12+dy, 8, 8).Pix, m.Crop(12, 12, 8, 8).Pix) {
					found = [2]int{dx, dy}
				}
			}
		}
		require.NotEqual(t, [2]int{-9, -9}, found)
		corners[found] = true
		if in := flip.trainTransform(m, prefetch.Rand(2, 0, i)); !slices.Equal(in.Pix, m.Pix) {
			require.Equal(t, m.FlipHorizontal().Pix, in.Pix)
			flipped++
		}
	}
	require.Len(t, corners, 81, "all 9 x 9 places come up")
	require.InDelta(t, 400, flipped, 60)

	// A crop has 8 to 100 % of the area and an aspect between 3/4 and 4/3.
	big := imaging.New(100, 80)
	for i := range 300 {
		require.Equal(t, 24, cropResized(big, 24, prefetch.Rand(3, 0, i)).W)
	}
	for _, size := range [][2]int{{1, 1}, {1, 300}, {300, 1}, {2, 3}} {
		got := cropResized(imaging.New(size[0], size[1]), 16, prefetch.Rand(4, 0, 0))
		require.Equal(t, [2]int{16, 16}, [2]int{got.W, got.H}, "%v", size)
		in := Input{Size: 7, TestResize: 9}.centre(imaging.New(size[0], size[1]))
		require.Equal(t, [2]int{7, 7}, [2]int{in.W, in.H}, "%v", size)
	}
}

// The colours of a lit image move along ImageNet's components.
func TestLighting(t *testing.T) {
	c := small(t)
	c.Augment = Augment{Crop: CropCentre, Lighting: 0.1}
	m := imaging.New(32, 32)
	var sum, squares [3]float64
	const n = 2000
	for i := range n {
		in := c.trainTransform(m, prefetch.Rand(5, 0, i))
		for k, v := range in.shift {
			sum[k] += float64(v)
			squares[k] += float64(v) * float64(v)
		}
	}
	for k := range 3 {
		variance := 0.0
		for j := range 3 {
			variance += math.Pow(colourComponents[k][j]*colourDeviations[j]*0.1, 2)
		}
		require.InDelta(t, 0, sum[k]/n, 4*math.Sqrt(variance/n))
		require.InEpsilon(t, variance, squares[k]/n, 0.15)
	}
}

// What is added to an image's colours is what a brighter image has.
func TestShiftInTheGraph(t *testing.T) {
	data, _ := openSmall(t, 10, 1)
	m, err := New(small(t), data.Classes, 1)
	require.NoError(t, err)
	c := NewClassifier(m, ref.New(ref.Options{}), Options{Batch: 2})
	defer c.Close()
	b := newBatch(2, 32)
	dark, bright := imaging.New(32, 32), imaging.New(32, 32)
	for i := range dark.Pix {
		dark.Pix[i], bright.Pix[i] = byte(i*i%200), byte(i*i%200)+uint8(10*(3-i%3))
	}
	b.fill(0, input{Image: dark, shift: [3]float32{10. / 255, 20. / 255, 30. / 255}})
	b.fill(1, input{Image: bright})
	logits, err := c.start(b)
	require.NoError(t, err)
	values, err := logits()
	require.NoError(t, err)
	classes := len(m.Classes)
	require.InDeltaSlice(t, values[:classes], values[classes:], 1e-4)
	require.Greater(t, slices.Max(values[:classes]), float32(1e-3))
}
