package allocate

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"scalenet/backbone"
)

// small is a network of one stage of blocks with 2 planes at side 4 and scales
// 1, 2, 4, whose neurons cost, by hand, 2*9*16 = 288, 2*9*4 = 72 and 2*1*1 = 2
// (its kernel is 1x1, since 4 / 2^2 <= 1). The 3x3 that a block replaces costs
// 2*2*9*16 = 576, conv3 8*16 = 128 for each of its inputs.
func small(rows ...[]int) backbone.Config {
	c := backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 2, Kernel: 3, Stride: 1},
		Blocks: []int{len(rows)}, Planes: []int{2}, Scales: []int{1, 2, 4}}
	for _, row := range rows {
		c.Structure = append(c.Structure, append(slices.Clone(row), 4))
	}
	return c
}

// seedOf is a seed of blocks with these importances: block, scale, neuron.
func seedOf(t require.TestingT, importance ...[][]float64) *Seed {
	var rows [][]int
	for _, block := range importance {
		var row []int
		for _, values := range block {
			row = append(row, len(values))
		}
		rows = append(rows, row)
	}
	config, blocks, err := describe(small(rows...))
	require.NoError(t, err)
	return &Seed{Path: "seed.safetensors", Config: config, Blocks: blocks, Importance: importance}
}

func macs(factor float64) Budget      { return Budget{Kind: MACs, Factor: factor} }
func blockMACs(factor float64) Budget { return Budget{Kind: BlockMACs, Factor: factor} }
func neurons(n ...int) Budget         { return Budget{Kind: Neurons, PerStage: n} }

// Structures worked out by hand.
func TestAllocateByHand(t *testing.T) {
	for _, c := range []struct {
		name       string
		importance [][]float64
		budget     Budget
		exponent   float64
		want       []int
		used       int
	}{
		// Ranked .9 (288), .8 (72), .7 (2), .6 (288): 362, the last would make 650.
		{"multiply-adds", [][]float64{{.9, .6}, {.8, .1}, {.7, .2}}, macs(1), 0, []int{1, 1, 1, 4}, 362},
		// The first that doesn't fit ends it, though .2 of scale 3 would fit.
		{"no jumping", [][]float64{{.9, .6, .5}, {.1}, {.2}}, macs(1), 0, []int{2, 0, 0, 4}, 576},
		{"exactly the budget", [][]float64{{.9, .6}, {}, {}}, macs(1), 0, []int{2, 0, 0, 4}, 576},
		{"half the budget", [][]float64{{.9, .6}, {.1}, {.2}}, macs(0.5), 0, []int{1, 0, 0, 4}, 288},
		{"everything fits", [][]float64{{.9}, {.1, .2}, {.2}}, macs(1), 0, []int{1, 2, 1, 4}, 434},
		{"a scale that the seed lacks", [][]float64{{}, {.1, .2}, {.2}}, macs(1), 0, []int{0, 2, 1, 4}, 146},
		{"a scale that gets none", [][]float64{{.3, .4}, {.9, .8, .7, .6, .5}, {.1}}, macs(1), 0, []int{0, 5, 0, 4}, 360},
		// All equal: the cheapest first, 3 * 2 + 5 * 72, then one of 288 would be too much.
		{"ties go to the cheaper", [][]float64{{1, 1}, {1, 1, 1, 1, 1}, {1, 1, 1}}, macs(1), 0, []int{0, 5, 3, 4}, 366},
		{"zeros", [][]float64{{0, 0}, {0}, {0}}, macs(1), 0, []int{1, 1, 1, 4}, 362},
		// b = 1: 288/288 = 1, 144/288 = .5; 108/72 = 1.5, 18/72 = .25; 1/2 = .5.
		// 1.5 (72), 1 (288), .5 of scale 3 (2), .5 of scale 1 would make 650.
		{"exponent", [][]float64{{288, 144}, {108, 18}, {1}}, macs(1), 1, []int{1, 1, 1, 4}, 362},
		// b = 1/2: 17/16.97 = 1.0018, 8.485/8.485 = 1, 1.4/1.414 = .99.
		{"fraction of an exponent", [][]float64{{17}, {8.485}, {1.4}}, neurons(2), 0.5, []int{1, 1, 0, 4}, 2},
		// b = -1 prefers what is expensive: .1*288 = 28.8, .2*72 = 14.4, 7*2 = 14.
		{"negative exponent", [][]float64{{.1}, {.2}, {7}}, neurons(2), -1, []int{1, 1, 0, 4}, 2},
		// 576 + 2 * 128 = 832 for 288 + 128, 72 + 128, 2 + 128: 416 + 200 + 130 = 746.
		{"conv3 counts", [][]float64{{.9, .1}, {.8, .2}, {.7, .3}}, blockMACs(1), 0, []int{1, 1, 1, 4}, 746},
		{"neurons", [][]float64{{.9, .6}, {.8, .1}, {.7, .2}}, neurons(4), 0, []int{2, 1, 1, 4}, 4},
		{"all neurons", [][]float64{{.9, .6}, {.8, .1}, {.7, .2}}, neurons(6), 0, []int{2, 2, 2, 4}, 6},
		{"one neuron", [][]float64{{.9, .6}, {.8, .1}, {.7, .95}}, neurons(1), 0, []int{0, 0, 1, 4}, 1},
		{"ties of neurons", [][]float64{{.5, .5}, {.5, .5}, {.5, .5}}, neurons(3), 0, []int{0, 1, 2, 4}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := seedOf(t, c.importance).Allocate(c.budget, c.exponent)
			require.NoError(t, err)
			require.Equal(t, backbone.Structure{c.want}, a.Config.Structure)
			require.Equal(t, c.used, a.Blocks[0].Used)
			if c.budget.Kind == MACs {
				require.Equal(t, c.used, a.Blocks[0].MACs())
			}
			require.NoError(t, a.Check(c.budget))
			_, err = a.Config.New()
			require.NoError(t, err)
		})
	}
}

// Of scales that cost the same, the finer one comes first, and of neurons of one
// scale the lower channel.
func TestTiesOfEqualCost(t *testing.T) {
	config := small([]int{2, 2, 2})
	config.Downsample = backbone.Dilated
	config, blocks, err := describe(config)
	require.NoError(t, err)
	blocks[0].Scales[2].Kernel = 3
	seed := &Seed{Config: config, Blocks: blocks, Importance: [][][]float64{{{1, 1}, {1, 1}, {1, 1}}}}
	a, err := seed.Allocate(neurons(3), 0)
	require.NoError(t, err)
	require.Equal(t, backbone.Structure{{2, 1, 0, 4}}, a.Config.Structure)
	require.Equal(t, [][]bool{{true, true}, {true, false}, {false, false}}, a.Blocks[0].kept)
}

func TestAllocateErrors(t *testing.T) {
	seed := seedOf(t, [][]float64{{.9}, {.1}, {.2}}, [][]float64{{.9}, {.1}, {.2}})
	for _, c := range []struct {
		name     string
		budget   Budget
		exponent float64
		want     string
	}{
		{"best neuron doesn't fit", macs(0.4), 0, "seed.safetensors: layer1.0: the budget of 230 multiply-adds is too small for the neuron with the highest score, which takes 288 at scale 1"},
		{"no multiply-adds", macs(1e-9), 0, "the budget of 0 multiply-adds"},
		{"more neurons than there are", neurons(4), 0, "seed.safetensors: layer1.0: a budget of 4 neurons, but the seed network has 3"},
		{"no neurons", neurons(0), 0, "neurons [0]"},
		{"too few stages", neurons(), 0, "want one number above 0 for each of 1 stages"},
		{"too many stages", neurons(1, 1), 0, "neurons [1 1]"},
		{"no factor", macs(0), 0, "factor 0"},
		{"negative factor", macs(-1), 0, "factor -1"},
		{"no number", macs(math.NaN()), 0, "factor NaN"},
		{"without end", macs(math.Inf(1)), 0, "factor +Inf"},
		{"no kind", Budget{}, 0, `budget ""`},
		{"two kinds", Budget{Kind: MACs, Factor: 1, PerStage: []int{3}}, 0, "neurons [3]"},
		{"exponent is no number", macs(1), math.NaN(), "exponent NaN"},
		{"exponent too large", macs(1), 11, "exponent 11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := seed.Allocate(c.budget, c.exponent)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	config := small([]int{1, 1, 1})
	config.Scales = []int{1, 2, 5}
	config, blocks, err := describe(config)
	require.NoError(t, err)
	_, err = (&Seed{Path: "s", Config: config, Blocks: blocks}).Allocate(macs(1), 0)
	require.ErrorContains(t, err, "s: layer1.0, scale 3: 5x5 pooling leaves no pixel of 4x4 features")
	config.Structure = backbone.Structure{{1, 1, 0, 4}}
	_, err = Even(config, macs(1))
	require.ErrorContains(t, err, "layer1.0, scale 3: 5x5 pooling")
	config, blocks, err = describe(config)
	require.NoError(t, err)
	a, err := (&Seed{Config: config, Blocks: blocks, Importance: [][][]float64{{{1}, {1}, nil}}}).Allocate(macs(1), 0)
	require.NoError(t, err, "a scale that has neither pixels nor neurons is no fault")
	require.Equal(t, config.Structure, a.Config.Structure)
	_, err = Even(small([]int{1, 1, 1}), macs(0.001))
	require.ErrorContains(t, err, "layer1.0: the budget of 0 multiply-adds is too small for a neuron of any scale")
}

func TestEvenByHand(t *testing.T) {
	for _, c := range []struct {
		name   string
		budget Budget
		want   []int
		used   int
	}{
		// One of each is 362; of the 214 left 72 and then 2 are spent.
		{"multiply-adds", macs(1), []int{1, 2, 2, 4}, 436},
		// Three of each are 1086 of 1152: only 2 more fit.
		{"twice the multiply-adds", macs(2), []int{3, 3, 4, 4}, 1088},
		// 832 for 416 + 200 + 130 = 746: 86 are left.
		{"conv3 counts", blockMACs(1), []int{1, 1, 1, 4}, 746},
		{"neurons", neurons(6), []int{2, 2, 2, 4}, 6},
		{"one more at fine scales", neurons(8), []int{3, 3, 2, 4}, 8},
		{"one neuron", neurons(1), []int{1, 0, 0, 4}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := Even(small([]int{5, 0, 1}), c.budget)
			require.NoError(t, err)
			require.Equal(t, backbone.Structure{c.want}, a.Config.Structure)
			require.Equal(t, c.used, a.Blocks[0].Used)
		})
	}
}

// The structures that backbone has for CIFAR were made apart from this code.
func TestEvenForCIFAR(t *testing.T) {
	for _, name := range []string{"cifar_scalenet38", "cifar_scalenet56", "cifar_scalenet101"} {
		want, err := backbone.PublishedStructure(name)
		require.NoError(t, err)
		config, err := MinimalStructure(backbone.Config{Name: name}, 0)
		require.NoError(t, err)
		a, err := Even(config, blockMACs(1))
		require.NoError(t, err)
		require.Equal(t, want, a.Config.Structure)
	}
}

// The published structures keep the same number of neurons in every block of a
// stage, none above the planes of the stage at any scale, for at most 1.08 times
// the multiply-adds of the 3x3 convolution in a block.
func TestPublishedStructures(t *testing.T) {
	for _, c := range []struct {
		name     string
		perStage []int
		ofThe3x3 float64
	}{
		{"scalenet50", []int{88, 175, 349, 697}, 0.8159},
		{"scalenet50_light", []int{64, 128, 256, 512}, 0.4613},
		{"scalenet101", []int{86, 171, 341, 682}, 0.8363},
		{"scalenet152", []int{90, 179, 358, 715}, 0.8106},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := Current(backbone.Config{Name: c.name})
			require.NoError(t, err)
			require.NoError(t, a.Check(neurons(c.perStage...)))
			r := a.Report()
			require.InDelta(t, c.ofThe3x3, float64(r.MACs)/float64(r.Replaced), 5e-5)
			for _, b := range r.Blocks {
				require.LessOrEqual(t, float64(b.MACs)/float64(b.Replaced), 1.08, b.Name)
				require.LessOrEqual(t, slices.Max(b.Neurons), b.Planes, b.Name)
			}
		})
	}
}

// drawSeed is a seed of any shape, with many equal importances.
func drawSeed(t *rapid.T) *Seed {
	var importance [][][]float64
	value := rapid.SampledFrom([]float64{0, 0.25, 0.5, 0.75, 1, 3})
	for range rapid.IntRange(1, 3).Draw(t, "blocks") {
		var block [][]float64
		for range 3 {
			block = append(block, rapid.SliceOfN(value, 0, 6).Draw(t, "scale"))
		}
		if len(block[0])+len(block[1])+len(block[2]) == 0 {
			block[1] = []float64{1}
		}
		importance = append(importance, block)
	}
	return seedOf(t, importance...)
}

func TestBudgetIsNeverExceededAndMoreOfItKeepsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := drawSeed(t)
		exponent := rapid.SampledFrom([]float64{0, 0.5, 1, -1}).Draw(t, "exponent")
		kind := rapid.SampledFrom([]Kind{MACs, BlockMACs, Neurons}).Draw(t, "kind")
		budget := func(label string) Budget {
			if kind == Neurons {
				return neurons(rapid.IntRange(1, 18).Draw(t, label))
			}
			return Budget{Kind: kind, Factor: rapid.Float64Range(0.1, 3).Draw(t, label)}
		}
		a, errA := seed.Allocate(budget("one"), exponent)
		again, _ := seed.Allocate(budget("one more"), exponent)
		if errA != nil {
			return
		}
		same, err := seed.Allocate(a.Budget, exponent)
		require.NoError(t, err)
		require.Equal(t, a, same)
		for k, b := range a.Blocks {
			used := 0
			for l, s := range b.Scales {
				used += s.Neurons * a.Budget.cost(b.SABlock, l)
			}
			require.Equal(t, used, b.Used)
			require.LessOrEqual(t, b.Used, b.Limit)
			require.Positive(t, b.Used)
			if again == nil {
				continue
			}
			less, more := b, again.Blocks[k]
			if less.Limit > more.Limit {
				less, more = more, less
			}
			for l, scale := range less.kept {
				for c, kept := range scale {
					require.True(t, !kept || more.kept[l][c], "block %d, scale %d, neuron %d", k, l, c)
				}
			}
		}
	})
}

// What is left out has no higher score than what is kept.
func TestKeptAreTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := drawSeed(t)
		a, err := seed.Allocate(macs(rapid.Float64Range(0.5, 3).Draw(t, "factor")), 0)
		if err != nil {
			return
		}
		for k, b := range a.Blocks {
			for l, scale := range b.kept {
				for c, kept := range scale {
					if v := seed.Importance[k][l][c]; kept {
						require.GreaterOrEqual(t, v, b.Threshold)
					} else {
						require.LessOrEqual(t, v, b.Threshold)
					}
				}
			}
		}
	})
}

func TestSeeded(t *testing.T) {
	for _, c := range []struct {
		config backbone.Config
		images int
		share  float64
		first  []int
		last   []int
		rows   int
	}{
		{backbone.Config{Name: "cifar_scalenet38"}, 0, 1, []int{16, 16, 16, 32}, []int{64, 64, 64, 8}, 12},
		{backbone.Config{Name: "cifar_scalenet38", Scales: []int{1, 4}}, 64, 0.5, []int{8, 8, 64}, []int{32, 32, 16}, 12},
		{backbone.Config{Name: "scalenet50"}, 0, 1, []int{64, 64, 64, 64, 56}, []int{512, 512, 512, 512, 7}, 16},
		{backbone.Config{Name: "scalenet50", Scales: []int{1, 2, 3, 4, 7}}, 224, 0.46, []int{29, 29, 29, 29, 29, 56}, []int{236, 236, 236, 236, 236, 7}, 16},
		{backbone.Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}}, 128, 0.01, []int{1, 1, 1, 1, 32}, []int{1, 1, 1, 1, 16}, 2},
	} {
		config, err := SeedNetwork(c.config, c.images, c.share)
		require.NoError(t, err)
		require.Len(t, config.Structure, c.rows)
		require.Equal(t, c.first, config.Structure[0])
		require.Equal(t, c.last, config.Structure[c.rows-1])
		a, err := Current(config)
		require.NoError(t, err)
		require.NoError(t, a.Check(macs(1)))
	}
	for _, c := range []struct {
		config backbone.Config
		images int
		share  float64
		want   string
	}{
		{backbone.Config{Name: "resnet50"}, 0, 1, "no SA blocks"},
		{backbone.Config{Name: "scalenet51"}, 0, 1, `"scalenet51"`},
		{backbone.Config{Name: "scalenet"}, 0, 1, "blocks []"},
		{backbone.Config{Name: "scalenet", Blocks: []int{1 << 40}, Planes: []int{8}}, 0, 1, "1099511627776 blocks"},
		{backbone.Config{Name: "scalenet", Blocks: []int{-1}, Planes: []int{8}}, 0, 1, "-1 blocks"},
		{backbone.Config{Name: "scalenet50"}, 16, 1, "images of 16x16"},
		{backbone.Config{Name: "scalenet50"}, 128, 1, "layer4.0, scale 4: 7x7 pooling leaves no pixel of 4x4 features"},
		{backbone.Config{Name: "scalenet50"}, -1, 1, "images of -1x-1"},
		{backbone.Config{Name: "scalenet50"}, 0, 0, "share 0"},
		{backbone.Config{Name: "scalenet50"}, 0, math.NaN(), "share NaN"},
		{backbone.Config{Name: "scalenet50"}, 0, 9, "share 9"},
	} {
		_, err := SeedNetwork(c.config, c.images, c.share)
		require.ErrorContains(t, err, c.want)
	}
}

func TestCheck(t *testing.T) {
	two := backbone.Config{Name: "scalenet", Blocks: []int{1, 1}, Planes: []int{8, 8}, Scales: []int{1, 2}}
	for _, c := range []struct {
		rows   backbone.Structure
		budget Budget
		want   string
	}{
		{backbone.Structure{{3, 1, 8}, {2, 4, 4}}, neurons(4, 6), ""},
		{backbone.Structure{{3, 1, 8}, {2, 4, 4}}, macs(1), ""},
		{backbone.Structure{{3, 1, 8}, {2, 3, 4}}, neurons(4, 6), "row 2 (layer2.0): 5 neurons, want 6"},
		{backbone.Structure{{3, 1, 8}, {2, 4, 8}}, macs(1), "row 2 (layer2.0): side 8, want 4"},
		{backbone.Structure{{3, 1, 8}, {2, 4, 4}}, neurons(4), "for each of 2 stages"},
		{backbone.Structure{{3, 1, 1}, {2, 4, 1}}, macs(1), "layer1.0, scale 2: 2x2 pooling leaves no pixel"},
	} {
		config := two
		config.Structure = c.rows
		a, err := Current(config)
		require.NoError(t, err)
		err = a.Check(c.budget)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.want)
		}
	}
}
