package allocate

import (
	"fmt"
	"math"
	"slices"

	"scalenet/backbone"
)

// Kind is the unit of a budget.
type Kind string

const (
	// MACs counts the multiply-adds of the convolutions of the branches, as the paper
	// does. The reference is the 3x3 convolution that the block replaces.
	MACs Kind = "macs"
	// BlockMACs also counts conv3, the 1x1 convolution after the branches, whose cost
	// grows with every neuron. With factor 1 the new network costs at most as much as the
	// ResNet.
	BlockMACs Kind = "block"
	// Neurons counts neurons, as the published structures do.
	Neurons Kind = "neurons"
)

// Budget limits the cost of the neurons of each block.
type Budget struct {
	Kind Kind `json:"kind" yaml:"kind"`
	// Factor multiplies the cost of the replaced convolutions. Below 1, the new network
	// is cheaper than the ResNet. For MACs and BlockMACs.
	Factor float64 `json:"factor,omitempty" yaml:"factor,omitempty"`
	// PerStage is the number of neurons of each block, per stage. For Neurons.
	PerStage []int `json:"per_stage,omitempty" yaml:"per_stage,omitempty,flow"`
}

// expansion is the number of output channels of a bottleneck block per plane.
const expansion = 4

// check returns an error if the budget is invalid for the blocks.
func (b Budget) check(blocks []backbone.SABlock) error {
	switch b.Kind {
	case MACs, BlockMACs:
		if b.PerStage != nil {
			return fmt.Errorf("neurons %v: a budget of %q counts multiply-adds", b.PerStage, b.Kind)
		}
		if !(b.Factor > 0) || math.IsInf(b.Factor, 0) || b.Factor > 1e3 {
			return fmt.Errorf("factor %v: want a number above 0, 1000 at most", b.Factor)
		}
	case Neurons:
		stages := blocks[len(blocks)-1].Stage
		if len(b.PerStage) != stages || slices.Min(b.PerStage) < 1 {
			return fmt.Errorf("neurons %v: want one number above 0 for each of %d stages", b.PerStage, stages)
		}
	default:
		return fmt.Errorf("budget %q: want %s, %s or %s", b.Kind, MACs, BlockMACs, Neurons)
	}
	return checkSides(blocks, false)
}

// checkSides returns an error if a scale with neurons, or with all any scale, has no pixel.
func checkSides(blocks []backbone.SABlock, all bool) error {
	for _, block := range blocks {
		for l, s := range block.Scales {
			if s.Side == 0 && (all || s.Neurons > 0) {
				return fmt.Errorf("%s, scale %d: %dx%[3]d pooling leaves no pixel of %[4]dx%[4]d features", block.Name, l+1, s.Pool, block.Side)
			}
		}
	}
	return nil
}

// limit returns the budget of a block, O_k, in the unit of Kind.
func (b Budget) limit(block backbone.SABlock) int {
	switch b.Kind {
	case Neurons:
		return b.PerStage[block.Stage-1]
	case BlockMACs:
		return int(b.Factor * float64(block.ReplacedMACs()+block.Planes*conv3MACs(block)))
	}
	return int(b.Factor * float64(block.ReplacedMACs()))
}

// cost returns the cost of a neuron of a scale, O_kl, in the unit of Kind.
func (b Budget) cost(block backbone.SABlock, scale int) int {
	switch b.Kind {
	case Neurons:
		return 1
	case BlockMACs:
		return block.NeuronMACs(scale) + conv3MACs(block)
	}
	return block.NeuronMACs(scale)
}

// conv3MACs returns the multiply-adds of conv3 per input channel. conv3 runs at full
// resolution.
func conv3MACs(block backbone.SABlock) int {
	return expansion * block.Planes * block.Side * block.Side
}
