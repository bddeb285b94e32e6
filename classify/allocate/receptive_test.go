package allocate

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"
)

func fieldsOf(t require.TestingT, c backbone.Config) [][]int {
	n, err := c.New()
	require.NoError(t, err)
	fields, err := ReceptiveFields(n.(*backbone.ScaleNet))
	require.NoError(t, err)
	return fields
}

func TestReceptiveFieldsByHand(t *testing.T) {
	// Stem: 7, then 3 more pixels of 2: 7 + 2*2 = 11, a pixel every 4.
	// A block: the window of scale d is 3d pixels of 4: 11 + 4 * (3d - 1).
	c := backbone.Config{Name: "scalenet", Blocks: []int{1}, Planes: []int{1}, Structure: backbone.Structure{{1, 1, 1, 1, 56}}}
	require.Equal(t, [][]int{{19, 31, 55, 91}}, fieldsOf(t, c))

	// One scale: 3 at the stem; 5; then pairs of pixels, every 2 of them:
	// 5 + 1, and two more pairs: 6 + 2 * 2 = 10; 10 + 2 * 2 = 14.
	c = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 1, Kernel: 3, Stride: 1}, Blocks: []int{1, 2}, Planes: []int{1, 1},
		Scales: []int{1}, Structure: backbone.Structure{{1, 8}, {1, 4}, {1, 4}}}
	require.Equal(t, [][]int{{5}, {10}, {14}}, fieldsOf(t, c))

	// Scale 2 at the stem's every pixel: 3 + 5 = 8. Pairs of neurons share it, from
	// 2 before the pair to 2 behind it, so 6 pixels for both. In the next block
	// the window of scale 1 is 3 neurons of 2 pairs: 2*2 + 4 = 8 pixels, 10 with
	// the stem's edges; that of scale 2 is 3 pairs: 3*2 + 4 + 2 = 12.
	c = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 1, Kernel: 3, Stride: 1}, Blocks: []int{2}, Planes: []int{1},
		Scales: []int{1, 2}, Structure: backbone.Structure{{0, 1, 8}, {1, 1, 8}}}
	require.Equal(t, [][]int{{0, 8}, {10, 12}}, fieldsOf(t, c))

	// ... by other ways down: a stride-2 convolution sees 3 pixels, 5 with the
	// stem's; a dilated one 5, and 7.
	c.Blocks, c.Structure = []int{1}, backbone.Structure{{1, 1, 8}}
	c.Downsample = backbone.Strided
	require.Equal(t, [][]int{{5, 5}}, fieldsOf(t, c))
	c.Downsample = backbone.Dilated
	require.Equal(t, [][]int{{5, 7}}, fieldsOf(t, c))
	c.Downsample = backbone.AveragePool
	require.Equal(t, [][]int{{5, 8}}, fieldsOf(t, c))

	// Bilinear: of side 6, pools of 4 give 1 (repeated), of side 10 they give 2
	// (repeated), of side 14 they give 3: two of them are looked at, 4 * 4 pixels.
	for side, want := range map[int]int{6: 3 + 11, 10: 3 + 11, 14: 3 + 15} {
		c := backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 1, Kernel: 3, Stride: 1}, Blocks: []int{1}, Planes: []int{1},
			Scales: []int{1, 4}, Structure: backbone.Structure{{0, 1, side}}}
		require.Equal(t, [][]int{{0, want}}, fieldsOf(t, c), side)
	}

	c = backbone.Config{Name: "scalenet", Blocks: []int{1}, Planes: []int{1}, Scales: []int{1, 1021, 1031, 1033}, Structure: backbone.Structure{{1, 1, 1, 1, 56}}}
	n, err := c.New()
	require.NoError(t, err)
	_, err = ReceptiveFields(n.(*backbone.ScaleNet))
	require.ErrorContains(t, err, "repeat after more than")
}

// TestReceptiveFieldsOfTheNetwork lets the network itself say what its last
// block sees: all weights are positive and norms change nothing, so that one
// white pixel on black makes exactly those features positive that see it.
func TestReceptiveFieldsOfTheNetwork(t *testing.T) {
	all, first, second, third := []int{1, 1, 1}, []int{1, 0, 0}, []int{0, 1, 0}, []int{0, 0, 1}
	for _, c := range []struct {
		scales     []int
		downsample backbone.Downsample
		blocks     []int
		neurons    [][]int // of the blocks; the last one has one scale
	}{
		{[]int{1, 2, 4}, "", []int{1}, [][]int{third}},
		{[]int{1, 2, 4}, "", []int{2}, [][]int{all, first}},
		{[]int{1, 2, 4}, "", []int{2}, [][]int{all, second}},
		{[]int{1, 2, 4}, "", []int{2}, [][]int{all, third}},
		{[]int{1, 2, 4}, "", []int{2}, [][]int{second, first}},
		{[]int{1, 2, 3}, "", []int{2}, [][]int{all, first}},
		{[]int{1, 2, 3}, "", []int{2}, [][]int{all, second}},
		{[]int{1, 2, 3}, "", []int{2}, [][]int{second, third}},
		{[]int{1, 2, 3}, "", []int{3}, [][]int{second, first, third}},
		{[]int{1, 2, 3}, "", []int{1, 1}, [][]int{all, second}},
		{[]int{1, 2, 3}, "", []int{1, 1}, [][]int{second, first}},
		{[]int{1, 2, 4}, backbone.AveragePool, []int{2}, [][]int{third, second}},
		{[]int{1, 2, 4}, backbone.Strided, []int{2}, [][]int{all, second}},
		{[]int{1, 2, 3}, backbone.Strided, []int{1, 1}, [][]int{all, second}},
		{[]int{1, 2, 4}, backbone.Dilated, []int{2}, [][]int{all, second}},
	} {
		const side = 48
		config := backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 1, Kernel: 3, Stride: 1}, Scales: c.scales, Downsample: c.downsample, Blocks: c.blocks}
		for s, blocks := range c.blocks {
			config.Planes = append(config.Planes, 1)
			for range blocks {
				row := c.neurons[len(config.Structure)]
				config.Structure = append(config.Structure, append(slices.Clone(row), side>>s))
			}
		}
		fields := fieldsOf(t, config)
		want := slices.Max(fields[len(fields)-1])
		require.LessOrEqual(t, want, side/2, "the field would reach the edge")
		require.Equal(t, want, widestSeen(t, config, side, 12), "%+v", config)
	}
}

// widestSeen runs the network on a white pixel at each place of the diagonal
// and gives the most pixels that one of the features in the middle sees.
func widestSeen(t *testing.T, c backbone.Config, side, period int) int {
	n, err := c.New()
	require.NoError(t, err)
	params := nn.NewParams(0)
	g := nn.NewGraph(params, false)
	images := g.Features("images", 1, side, side, 3)
	out := backbone.Features(g, n, images, n.Stages())
	for _, p := range params.All() {
		for i := range p.Data {
			p.Data[i] = 1
			if p.Kind == nn.NormBias || p.Kind == nn.NormMean {
				p.Data[i] = 0
			}
		}
	}
	dev := ref.New(ref.Options{})
	store := engine.NewStore(dev, params)
	defer store.Close()
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{out}}})
	require.NoError(t, err)
	defer plan.Close()
	first, last := map[int]int{}, map[int]int{}
	shape := out.Shape()
	features, pixels := make([]float32, shape.TotalSize()), make([]float32, side*side*3)
	for x := range side {
		at := (x*side + x) * 3
		pixels[at] = 1
		require.NoError(t, plan.Write(images, pixels))
		pixels[at] = 0
		require.NoError(t, plan.RunAll())
		require.NoError(t, plan.Read(out, features))
		for p := range shape[1] {
			if v := features[(p*shape[2]+p)*shape[3]]; v != 0 {
				require.False(t, math.IsNaN(float64(v)))
				if _, seen := first[p]; !seen {
					first[p] = x
				}
				last[p] = x
			}
		}
	}
	var spans []int
	from := shape[1]/2 - period/2
	for p := from; p < from+period; p++ {
		spans = append(spans, last[p]-first[p]+1)
	}
	return slices.Max(spans)
}
