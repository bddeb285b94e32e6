package allocate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"scalenet/backbone"
)

// Allocation has the number of neurons per scale and block.
type Allocation struct {
	Method Method
	// Config is the configuration of the new network, including the structure.
	Config backbone.Config
	Budget Budget
	Blocks []Block

	// Seed and Exponent are the input of [Seed.Allocate]. Seed is nil for other methods.
	Seed     *Seed
	Exponent float64
}

// Method says how an allocation was made.
type Method string

const (
	ByImportance Method = "allocated"
	Evenly       Method = "even"
	Existing     Method = "given"
)

// Block is a block of the new network.
type Block struct {
	backbone.SABlock     // with the new numbers of neurons
	Limit            int // budget of the block, O_k, in the unit of Budget.Kind
	Used             int // cost of the neurons, in the same unit
	// Threshold is the lowest score of a kept neuron.
	Threshold float64
	// kept says which neurons of the seed network are kept: scale, channel.
	kept [][]bool
}

// Current returns the allocation that a network has.
func Current(config backbone.Config) (*Allocation, error) {
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

// finish sets the structure in the configuration from the blocks.
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

// maxExponent keeps O^b within the range of float64.
const maxExponent = 10

// Allocate keeps in each block the neurons with the highest score |gamma| / O^exponent,
// where O is the cost of a neuron in multiply-adds. Selection in a block stops at the
// first neuron that exceeds the budget, so a larger budget keeps all neurons of a smaller
// one. Ties are broken by lower cost, then finer scale, then lower channel. A scale may
// get no neurons.
//
// A budget of neurons is used exactly. It is an error if the seed network has fewer
// neurons in a block, or if the first neuron of a block exceeds the budget.
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

// Validate returns the error that Allocate could return for the budget and the exponent
// after the seed network is trained. It requires that the most expensive neuron of each
// block fits, because it may get the highest score.
func Validate(seed backbone.Config, budget Budget, exponent float64) error {
	config, blocks, err := describe(seed)
	if err != nil {
		return err
	}
	worst := &Seed{Path: "seed network", Config: config, Blocks: blocks}
	for _, b := range blocks {
		importance := make([][]float64, len(b.Scales))
		for l, s := range b.Scales {
			importance[l] = slices.Repeat([]float64{float64(b.NeuronMACs(l))}, s.Neurons) // the most expensive first
		}
		worst.Importance = append(worst.Importance, importance)
	}
	if _, err := worst.Allocate(budget, exponent); err != nil {
		return err
	}
	_, err = worst.Allocate(budget, 0)
	return err
}

// neuron is a neuron of a block of the seed network.
type neuron struct {
	scale, channel int
	score          float64
	macs           int
}

// rank returns the neurons of a block in descending score order.
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

// keep selects ranked neurons until the budget is exceeded.
func keep(block backbone.SABlock, ranked []neuron, budget Budget) (Block, error) {
	b := Block{SABlock: block, Limit: budget.limit(block), kept: make([][]bool, len(block.Scales))}
	b.Scales = slices.Clone(block.Scales)
	for l, s := range block.Scales {
		b.kept[l] = make([]bool, s.Neurons)
		b.Scales[l].Neurons = 0
	}
	if budget.Kind == Neurons && len(ranked) < b.Limit {
		return b, fmt.Errorf("a budget of %d neurons, but the seed network has %d", b.Limit, len(ranked))
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
		return b, fmt.Errorf("the budget of %d multiply-adds is too small for the neuron with the highest score, which takes %d at scale %d",
			b.Limit, budget.cost(block, ranked[0].scale), ranked[0].scale+1)
	}
	return b, nil
}

// Even allocates the same number of neurons to each scale of a block. The rest of the
// budget adds one neuron per scale, from the finest scale on, where it suffices. A budget
// of neurons is used exactly. Only the sizes in the structure of config are used, not its
// neurons.
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
			return nil, fmt.Errorf("%s: the budget of %d multiply-adds is too small for a neuron of any scale", block.Name, b.Limit)
		}
		a.Blocks = append(a.Blocks, b)
	}
	return a.finish(), nil
}
