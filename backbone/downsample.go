package backbone

import (
	"fmt"
	"slices"

	"scalenet/nn"
)

// Downsample is the downsampling in the branch of an SA block at scale d: one of the four methods in the paper's Table 8.
type Downsample string

const (
	// MaxPool applies d x d max pooling, then the convolution: the paper's choice, and the default for the empty string.
	MaxPool Downsample = "max_pool"
	// AveragePool applies d x d average pooling, then the convolution.
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

// describe is the branch of a block of a side.
func (d Downsample) describe(side, size, neurons, kernel int) SAScale {
	s := SAScale{Pool: size, Neurons: neurons, Kernel: kernel, Side: side / size, Repeat: size}
	conv := Window{kernel, 1, kernel / 2}
	switch d {
	case Strided:
		s.Side = (side + size - 1) / size
		s.Windows = []Window{{kernel, size, kernel / 2}}
	case Dilated:
		s.Side, s.Repeat = side, 1
		s.Windows = []Window{{(kernel-1)*size + 1, 1, size * (kernel / 2)}}
	default:
		s.Windows = []Window{{size, size, 0}, conv}
	}
	s.Bilinear = s.Side > 0 && side%s.Side != 0
	return s
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
	// Two pools of the same kind, one after the other, are one pool of the product of their sizes.
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
