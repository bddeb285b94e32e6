package allocate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"scalenet/backbone"
)

// Allocation is the neurons of every block.
type Allocation struct {
	Method Method
	// Config is the new network's, its structure included.
	Config backbone.Config
	Budget Budget
	Blocks []Block

	// Seed and Exponent are what the neurons were chosen by; Seed is nil where
	// they were not.
	Seed     *Seed
	Exponent float64
}

// Method is how an allocation came about.
type Method string

const (
	ByImportance Method = "allocated"
	Evenly       Method = "even"
	Existing     Method = "given"
)

// Block is a block of the new network.
type Block struct {
	backbone.SABlock     // with the new numbers of neurons
	Limit            int // O_k, or the number of neurons
	Used             int
	// Threshold is the score of the last neuron that was kept.
	Threshold float64
	// kept says of each scale's neurons in the seed which were kept.
	kept [][]bool
}

// Given is the allocation that a network has.
func Given(config backbone.Config) (*Allocation, error) {
	config, blocks, err := describe(config)
	if err != nil {
		return nil, err
	}
	a := &Allocation{Method: Existing, Config: config}
	for _, b := range blocks {
		a.Blocks = append(a.Blocks, Block{SABlock: b})
	}
	return a, nil
}

// describe resolves a network's configuration and describes its SA blocks.
func describe(config backbone.Config) (backbone.Config, []backbone.SABlock, error) {
	config, err := config.Resolve()
	if err != nil {
		return config, nil, err
	}
	n, err := config.New()
	if err != nil {
		return config, nil, err
	}
	s, ok := n.(*backbone.ScaleNet)
	if !ok {
		return config, nil, noSABlocks(config)
	}
	return config, s.SABlocks(), nil
}

func noSABlocks(config backbone.Config) error {
	return fmt.Errorf("backbone.name %q: the network has no SA blocks, so there are no scales to allocate neurons to", config.Name)
}

// finish puts the blocks' neurons into the configuration.
func (a *Allocation) finish() *Allocation {
	a.Config.Structure = nil
	for _, b := range a.Blocks {
		var row []int
		for _, s := range b.Scales {
			row = append(row, s.Neurons)
		}
		a.Config.Structure = append(a.Config.Structure, append(row, b.Side))
	}
	return a
}

// maxExponent keeps O^b within what a float64 tells apart.
const maxExponent = 10

// Allocate keeps in each block the neurons with the highest score |gamma| / O^b
// while their cost stays within the budget: the first one that would exceed it
// ends the block, so that a larger budget keeps what a smaller one does and
// more. Of equal scores the cheaper neuron comes first, then the finer scale,
// then the lower channel. A scale may get no neurons.
//
// A budget of neurons is met exactly; it is an error when the seed has fewer.
// It is an error when not even the first neuron fits.
func (s *Seed) Allocate(budget Budget, exponent float64) (*Allocation, error) {
	if err := budget.check(s.Blocks); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Path, err)
	}
	if math.IsNaN(exponent) || math.Abs(exponent) > maxExponent {
		return nil, fmt.Errorf("exponent %v: want a number from %d to %d", exponent, -maxExponent, maxExponent)
	}
	a := &Allocation{Method: ByImportance, Config: s.Config, Budget: budget, Seed: s, Exponent: exponent}
	for k, block := range s.Blocks {
		chosen, err := keep(block, rank(block, s.Importance[k], exponent), budget)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", s.Path, block.Name, err)
		}
		a.Blocks = append(a.Blocks, chosen)
	}
	return a.finish(), nil
}

// Try tells before a seed is trained what Allocate may say of the budget and the
// exponent once it is: whichever neuron turns out to be the best must fit.
func Try(seed backbone.Config, budget Budget, exponent float64) error {
	config, blocks, err := describe(seed)
	if err != nil {
		return err
	}
	dear := &Seed{Path: "seed network", Config: config, Blocks: blocks}
	for _, b := range blocks {
		importance := make([][]float64, len(b.Scales))
		for l, s := range b.Scales {
			importance[l] = slices.Repeat([]float64{float64(b.NeuronMACs(l))}, s.Neurons) // the dearest first
		}
		dear.Importance = append(dear.Importance, importance)
	}
	if _, err := dear.Allocate(budget, exponent); err != nil {
		return err
	}
	_, err = dear.Allocate(budget, 0)
	return err
}

// neuron is one of a seed's block.
type neuron struct {
	scale, channel int
	score          float64
	macs           int
}

// rank sorts a block's neurons, the best first.
func rank(block backbone.SABlock, importance [][]float64, exponent float64) []neuron {
	var all []neuron
	for l := range block.Scales {
		macs := block.NeuronMACs(l)
		for c, v := range importance[l] {
			all = append(all, neuron{l, c, v / math.Pow(float64(macs), exponent), macs})
		}
	}
	slices.SortFunc(all, func(a, b neuron) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.macs, b.macs), cmp.Compare(a.scale, b.scale), cmp.Compare(a.channel, b.channel))
	})
	return all
}

// keep takes ranked neurons while they fit.
func keep(block backbone.SABlock, ranked []neuron, budget Budget) (Block, error) {
	b := Block{SABlock: block, Limit: budget.limit(block), kept: make([][]bool, len(block.Scales))}
	b.Scales = slices.Clone(block.Scales)
	for l, s := range block.Scales {
		b.kept[l] = make([]bool, s.Neurons)
		b.Scales[l].Neurons = 0
	}
	if budget.Kind == Neurons && len(ranked) < b.Limit {
		return b, fmt.Errorf("a budget of %d neurons, but the seed has %d", b.Limit, len(ranked))
	}
	for _, n := range ranked {
		cost := budget.cost(block, n.scale)
		if b.Used+cost > b.Limit {
			break
		}
		b.Used += cost
		b.Scales[n.scale].Neurons++
		b.kept[n.scale][n.channel] = true
		b.Threshold = n.score
	}
	if b.Used == 0 {
		return b, fmt.Errorf("a budget of %d multiply-adds doesn't hold the best neuron, which takes %d at scale %d",
			b.Limit, budget.cost(block, ranked[0].scale), ranked[0].scale+1)
	}
	return b, nil
}

// Even splits each block's budget into equal numbers of neurons for the scales;
// what is left gives one more to each scale, from the finest on, for which it
// suffices. So a budget of neurons is met exactly. Of the network's structure
// only the sides count.
func Even(config backbone.Config, budget Budget) (*Allocation, error) {
	config, blocks, err := describe(config)
	if err != nil {
		return nil, err
	}
	if err := budget.check(blocks); err != nil {
		return nil, err
	}
	if err := checkSides(blocks, true); err != nil {
		return nil, err
	}
	a := &Allocation{Method: Evenly, Config: config, Budget: budget}
	for _, block := range blocks {
		b := Block{SABlock: block, Limit: budget.limit(block)}
		b.Scales = slices.Clone(block.Scales)
		each := 0
		for l := range b.Scales {
			each += budget.cost(block, l)
		}
		for l := range b.Scales {
			b.Scales[l].Neurons = b.Limit / each
		}
		b.Used = b.Limit / each * each
		for l := range b.Scales {
			if cost := budget.cost(block, l); b.Used+cost <= b.Limit {
				b.Scales[l].Neurons++
				b.Used += cost
			}
		}
		if b.Used == 0 {
			return nil, fmt.Errorf("%s: a budget of %d multiply-adds doesn't hold a neuron of any scale", block.Name, b.Limit)
		}
		a.Blocks = append(a.Blocks, b)
	}
	return a.finish(), nil
}
