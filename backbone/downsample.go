package backbone

import (
	"fmt"
	"slices"

	"scalenet/nn"
)

// Downsample is how the branch of an SA block at scale d comes to its scale
// before its result is resized back: the four ways of the paper's Table 8.
type Downsample string

const (
	// MaxPool pools d x d pixels, then convolves: the paper's choice, and what
	// the empty string means.
	MaxPool Downsample = "max_pool"
	// AveragePool averages d x d pixels, then convolves.
	AveragePool Downsample = "average_pool"
	// Strided convolves with stride d.
	Strided Downsample = "stride"
	// Dilated convolves with dilation d at the full resolution.
	Dilated Downsample = "dilation"
)

func (d Downsample) check() error {
	if all := []Downsample{MaxPool, AveragePool, Strided, Dilated}; d != "" && !slices.Contains(all, d) {
		return fmt.Errorf("downsample %q: want one of %q", d, all)
	}
	return nil
}

// outSide is the side of the result of a branch's convolution.
func (d Downsample) outSide(side, size int) int {
	switch d {
	case Strided:
		return (side + size - 1) / size
	case Dilated:
		return side
	}
	return side / size
}

// apply gives what the branch at pool size `size` convolves, and how. pooled
// keeps what x was pooled to, by pool size, for the branches that follow.
func (d Downsample) apply(x *nn.Node, pooled map[int]*nn.Node, size, kernel int) (*nn.Node, nn.Conv2D) {
	conv := nn.Conv2D{Stride: 1, Pad: kernel / 2}
	switch d {
	case Strided:
		conv.Stride = size
		return x, conv
	case Dilated:
		conv.Dilation, conv.Pad = size, size*(kernel/2)
		return x, conv
	}
	if y := pooled[size]; y != nil {
		return y, conv
	}
	pool, from := size, x
	// A pool of a pool, of either kind, is one of the product of their sizes.
	if half := pooled[size/2]; size%2 == 0 && half != nil {
		pool, from = 2, half
	}
	if d == AveragePool {
		pooled[size] = nn.AvgPool(from, pool, pool, 0)
	} else {
		pooled[size] = nn.MaxPool(from, pool, pool, 0)
	}
	return pooled[size], conv
}
