package allocate

import (
	"fmt"
	"math"
	"slices"

	"scalenet/backbone"
)

// Kind is what a budget counts.
type Kind string

const (
	// MACs are the multiply-adds of the branches' convolutions, against those of
	// the 3x3 convolution that the block replaces: the paper's budget.
	MACs Kind = "macs"
	// BlockMACs counts conv3, the 1x1 convolution behind the branches, as well,
	// which grows with every neuron of any scale: the new network costs no more
	// than the ResNet as a whole.
	BlockMACs Kind = "block"
	// Neurons are counted themselves: the published structures' budget.
	Neurons Kind = "neurons"
)

// Budget bounds what a block may hold.
type Budget struct {
	Kind Kind `json:"kind" yaml:"kind"`
	// Factor multiplies the cost of what is replaced, below 1 for a lighter
	// network; for MACs and BlockMACs.
	Factor float64 `json:"factor,omitempty" yaml:"factor,omitempty"`
	// PerStage is what every block of a stage has exactly; for Neurons.
	PerStage []int `json:"per_stage,omitempty" yaml:"per_stage,omitempty,flow"`
}

// expansion is how many output channels a bottleneck has for an inner one.
const expansion = 4

// check holds the budget against the network's stages.
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

// checkSides wants a pixel at every scale that has neurons, or at all scales.
func checkSides(blocks []backbone.SABlock, all bool) error {
	for _, block := range blocks {
		for l, s := range block.Scales {
			if s.Side == 0 && (all || s.Neurons > 0) {
				return fmt.Errorf("%s, scale %d: a pool of %d leaves no pixel of features of side %d", block.Name, l+1, s.Pool, block.Side)
			}
		}
	}
	return nil
}

// limit is O_k, or the number of neurons.
func (b Budget) limit(block backbone.SABlock) int {
	switch b.Kind {
	case Neurons:
		return b.PerStage[block.Stage-1]
	case BlockMACs:
		return int(b.Factor * float64(block.ReplacedMACs()+block.Planes*conv3MACs(block)))
	}
	return int(b.Factor * float64(block.ReplacedMACs()))
}

// cost is what a neuron of a scale takes of the limit.
func (b Budget) cost(block backbone.SABlock, scale int) int {
	switch b.Kind {
	case Neurons:
		return 1
	case BlockMACs:
		return block.NeuronMACs(scale) + conv3MACs(block)
	}
	return block.NeuronMACs(scale)
}

// conv3MACs are what one more input channel costs conv3, by the network's
// definition at the full resolution.
func conv3MACs(block backbone.SABlock) int {
	return expansion * block.Planes * block.Side * block.Side
}
