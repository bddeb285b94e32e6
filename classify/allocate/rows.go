package allocate

import (
	"fmt"
	"slices"

	"scalenet/backbone"
)

// Shape gives a network one neuron at each scale of each block, for square
// images of a side: what all allocations of it have in common. The side is 0
// for 224, or 32 where the stem keeps the size. A structure that the
// configuration has is replaced.
func Shape(config backbone.Config, images int) (backbone.Config, error) {
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
	if images == 0 {
		images = 224
		if config.Stem.Stride == 1 {
			images = 32
		}
	}
	if config.Scales == nil {
		config.Scales = []int{1, 2, 4, 7} // what backbone takes for a network of one's own
	}
	sides, err := stageSides(config, images)
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

// stageSides is the side of each stage's features, which is the same whatever
// neurons the blocks have.
func stageSides(config backbone.Config, images int) ([]int, error) {
	config.Structure = nil
	row := make([]int, len(config.Scales)+1)
	row[0], row[len(config.Scales)] = 1, 1
	for _, blocks := range config.Blocks {
		for range min(max(blocks, 0), 1<<11) { // of more, describe says what is wrong
			config.Structure = append(config.Structure, row)
		}
	}
	n, err := config.New()
	if err != nil {
		return nil, err
	}
	sides, err := backbone.StageSides(n, images)
	if err != nil {
		return nil, fmt.Errorf("images of %dx%d: %w", images, images, err)
	}
	return sides, nil
}

// Seeded is the seed network: at every scale it has as many neurons as the
// stage has planes, times share, at least 1. With a share of 1 the neurons of
// any one scale alone could use up the budget of the 3x3 convolution; the
// published structures have at most that many at any scale. Images are as for
// [Shape].
func Seeded(config backbone.Config, images int, share float64) (backbone.Config, error) {
	if !(share > 0 && share <= maxShare) {
		return config, fmt.Errorf("share %v: want a number above 0, %d at most", share, maxShare)
	}
	config, err := Shape(config, images)
	if err != nil {
		return config, err
	}
	row := 0
	for s, blocks := range config.Blocks {
		neurons := max(1, int(share*float64(config.Planes[s])+0.5))
		for range blocks {
			for l := range config.Scales {
				config.Structure[row][l] = neurons
			}
			row++
		}
	}
	return config, nil
}

// maxShare bounds the seed.
const maxShare = 8

// Check holds the rows of an allocation against the network's stages: the side
// of a block follows from the one before by its stride, and where the budget is
// one of neurons, there are that many in each block.
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
