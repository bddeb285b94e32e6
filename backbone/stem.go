package backbone

import (
	"fmt"

	"scalenet/nn"
)

// Stem is a convolution with BatchNorm and ReLU, and for large images a pool.
type Stem struct {
	Channels int `yaml:"channels" json:"channels"`
	Kernel   int `yaml:"kernel" json:"kernel"`
	// Stride of the whole stem: 4, or 0 for it, is a convolution of stride 2 and
	// a 3x3 max pool of stride 2; 2 is that convolution alone; 1 is a convolution
	// that keeps the size, for images of 32x32.
	Stride int `yaml:"stride,omitempty" json:"stride,omitempty"`
	// CeilPool is a max pool without padding whose output is rounded up, as in
	// the first ResNets, which ran in Caffe.
	CeilPool bool `yaml:"ceil_pool,omitempty" json:"ceil_pool,omitempty"`
}

func (s Stem) check() error {
	switch {
	case s.Channels < 1 || s.Channels > maxChannels || s.Kernel < 1 || s.Kernel%2 == 0 || s.Kernel > 31:
		return fmt.Errorf("stem of %d channels, kernel %d: want 1 to %d channels and an odd kernel up to 31", s.Channels, s.Kernel, maxChannels)
	case s.Stride != 0 && s.Stride != 1 && s.Stride != 2 && s.Stride != 4:
		return fmt.Errorf("stem.stride %d: want 1, 2 or 4", s.Stride)
	case s.CeilPool && s.stride() < 4:
		return fmt.Errorf("stem.ceil_pool: a stem of stride %d has no pool", s.stride())
	}
	return nil
}

// stride is that of the whole stem.
func (s Stem) stride() int {
	if s.Stride == 0 {
		return 4
	}
	return s.Stride
}

// minSide is the minimum height and width of the input.
func (s Stem) minSide() int {
	if s.CeilPool {
		return 3 // two rows for the pool
	}
	return 1
}

func (s Stem) build(g *nn.Graph, x *nn.Node) *nn.Node {
	x = g.Conv(x, "conv1", s.Channels, s.Kernel, nn.Conv2D{Stride: min(s.stride(), 2), Pad: s.Kernel / 2})
	x = nn.Relu(g.Norm(x, "bn1"))
	if s.stride() < 4 {
		return x
	}
	if s.CeilPool {
		return nn.Apply(nn.MaxPool2D{Kernel: 3, Stride: 2, Ceil: true}, x)
	}
	return nn.MaxPool(x, 3, 2, 1)
}
