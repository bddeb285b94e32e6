package raster

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The golden values of Pillow are in package imaging. Here: the sizes that they leave out hold what a filter of weights must.
func TestResizePillowKeepsConstants(t *testing.T) {
	for _, size := range [][4]int{{1, 1, 1, 1}, {1, 1, 9, 5}, {7, 3, 1, 1}, {20000, 2, 3, 2}, {2, 20000, 2, 3}, {3, 5, 3, 9}, {3, 5, 8, 5}, {5, 5, 4, 3}} {
		for _, value := range []uint8{0, 1, 128, 255} {
			p := Image{W: size[0], H: size[1], Pix: make([]uint8, 3*size[0]*size[1])}
			for i := range p.Pix {
				p.Pix[i] = value
			}
			got, err := ResizePillow(p, size[2], size[3])
			require.NoError(t, err)
			require.Equal(t, size[2:], []int{got.W, got.H})
			require.Len(t, got.Pix, 3*got.W*got.H)
			for _, v := range got.Pix {
				require.Equal(t, value, v, "%v", size)
			}
		}
	}
}

func TestResizePillowRefuses(t *testing.T) {
	_, err := ResizePillow(sample(2, 2), 0, 3)
	require.ErrorContains(t, err, "resize to 0x3: sides must be at least 1")
}

func TestInParallelCoversEachOnce(t *testing.T) {
	for n := range 20 {
		calls := make([]int, n)
		inParallel(n, func(first, end int) {
			for i := first; i < end; i++ {
				calls[i]++
			}
		})
		for i, c := range calls {
			require.Equal(t, 1, c, "%d of %d", i, n)
		}
	}
}

// BenchmarkPillow is 1280x720 resized to a shorter side of 800.
func BenchmarkPillow(b *testing.B) {
	p := sample(1280, 720)
	for _, c := range []struct {
		name string
		w, h int
	}{{"larger", 1422, 800}, {"smaller", 640, 360}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ResizePillow(p, c.w, c.h)
			}
		})
	}
}
