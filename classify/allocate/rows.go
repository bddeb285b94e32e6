package allocate

import (
	"fmt"
	"slices"

	"scalenet/backbone"
)

// MinimalStructure returns the configuration with one neuron per scale and block, for
// images of size x size pixels. Its rows have the feature sizes that all allocations of
// the network share. Size 0 stands for 224, or for 32 if the stem has stride 1. A
// structure in the configuration is replaced.
func MinimalStructure(config backbone.Config, size int) (backbone.Config, error) {
	config.Structure, config.StructureFile = nil, ""
	config, err := config.Resolve()
	if err != nil {
		return config, err
	}
	if n, err := config.New(); err == nil {
		if _, ok := n.(*backbone.ScaleNet); !ok {
			return config, noSABlocks(config)
		}
	}
	if size == 0 {
		size = 224
		if config.Stem.Stride == 1 {
			size = 32
		}
	}
	if config.Scales == nil {
		config.Scales = []int{1, 2, 4, 7} // the default of package backbone
	}
	sides, err := stageSides(config, size)
	if err != nil {
		return config, err
	}
	config.Structure = nil
	for s, blocks := range config.Blocks {
		for range blocks {
			row := slices.Repeat([]int{1}, len(config.Scales))
			config.Structure = append(config.Structure, append(row, sides[s]))
		}
	}
	config, blocks, err := describe(config)
	if err != nil {
		return config, err
	}
	return config, checkSides(blocks, true)
}

// stageSides returns the height and width of the features of each stage. They do not
// depend on the numbers of neurons.
func stageSides(config backbone.Config, size int) ([]int, error) {
	config.Structure = nil
	row := make([]int, len(config.Scales)+1)
	row[0], row[len(config.Scales)] = 1, 1
	for _, blocks := range config.Blocks {
		for range min(max(blocks, 0), 1<<11) { // more are an error of describe
			config.Structure = append(config.Structure, row)
		}
	}
	n, err := config.New()
	if err != nil {
		return nil, err
	}
	sides, err := backbone.StageSides(n, size)
	if err != nil {
		return nil, fmt.Errorf("images of %dx%d: %w", size, size, err)
	}
	return sides, nil
}

// SeedNetwork returns the configuration of the seed network. Each scale has as many
// neurons as the stage has planes, times fraction, at least 1. With fraction 1, a single
// scale could use the whole budget of the 3x3 convolution, and no scale of the published
// structures has more neurons. size is that of [MinimalStructure].
func SeedNetwork(config backbone.Config, size int, fraction float64) (backbone.Config, error) {
	if !(fraction > 0 && fraction <= maxFraction) {
		return config, fmt.Errorf("share %v: want a number above 0, %d at most", fraction, maxFraction)
	}
	config, err := MinimalStructure(config, size)
	if err != nil {
		return config, err
	}
	row := 0
	for s, blocks := range config.Blocks {
		neurons := max(1, int(fraction*float64(config.Planes[s])+0.5))
		for range blocks {
			for l := range config.Scales {
				config.Structure[row][l] = neurons
			}
			row++
		}
	}
	return config, nil
}

// maxFraction limits the size of the seed network.
const maxFraction = 8

// Check returns an error if a row of the structure is inconsistent: the feature size of a
// block must be that of the previous block divided by the stride, and with a budget of
// neurons each block must have as many.
func (a *Allocation) Check(budget Budget) error {
	blocks := make([]backbone.SABlock, len(a.Blocks))
	for k, b := range a.Blocks {
		blocks[k] = b.SABlock
	}
	if err := budget.check(blocks); err != nil {
		return err
	}
	side := blocks[0].Side
	for k, b := range blocks {
		if k > 0 {
			side /= b.Stride
		}
		if b.Side != side {
			return fmt.Errorf("row %d (%s): side %d, want %d", k+1, b.Name, b.Side, side)
		}
		sum := 0
		for _, s := range b.Scales {
			sum += s.Neurons
		}
		if budget.Kind == Neurons && sum != budget.limit(b) {
			return fmt.Errorf("row %d (%s): %d neurons, want %d", k+1, b.Name, sum, budget.limit(b))
		}
	}
	return nil
}
