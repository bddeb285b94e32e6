package backbone

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The costs of a neuron by hand, and of all branches' convolutions against the
// count over the graph: the whole network's but for its 1x1 convolutions.
func TestSABlocks(t *testing.T) {
	n, err := Config{Name: "scalenet50"}.New()
	require.NoError(t, err)
	blocks := n.(*ScaleNet).SABlocks()
	require.Len(t, blocks, 16)
	first, last := blocks[0], blocks[15]
	conv := Window{3, 1, 1}
	require.Equal(t, SABlock{"layer1.0", 1, 64, 1, 56, []SAScale{
		{1, 62, 3, 56, []Window{{1, 1, 0}, conv}, 1, false}, {2, 9, 3, 28, []Window{{2, 2, 0}, conv}, 2, false},
		{4, 5, 3, 14, []Window{{4, 4, 0}, conv}, 4, false}, {7, 12, 3, 8, []Window{{7, 7, 0}, conv}, 7, false}}}, first)
	require.Equal(t, SABlock{"layer4.2", 4, 512, 1, 7, []SAScale{
		{1, 138, 3, 7, []Window{{1, 1, 0}, conv}, 1, false}, {2, 462, 3, 3, []Window{{2, 2, 0}, conv}, 2, true},
		{4, 97, 3, 1, []Window{{4, 4, 0}, conv}, 4, false}, {7, 0, 1, 1, []Window{{7, 7, 0}, {1, 1, 0}}, 7, false}}}, last)
	require.Equal(t, []Window{{7, 2, 3}, {3, 2, 1}}, n.(*ScaleNet).StemWindows())
	require.Equal(t, 2, blocks[3].Stride)
	require.Equal(t, 64*9*28*28, first.NeuronMACs(1))
	require.Equal(t, 512, last.NeuronMACs(3))
	require.Equal(t, 64*64*9*56*56, first.ReplacedMACs())
	require.Equal(t, 512*9*(138*49+462*9+97), last.MACs())

	branches, ones, in := 0, 0, 64
	for _, b := range blocks {
		neurons := 0
		for _, s := range b.Scales {
			neurons += s.Neurons
		}
		out, pixels := expansion*b.Planes, b.Side*b.Side
		branches += b.MACs()
		ones += pixels * (in*b.Planes + neurons*out)
		if in != out {
			ones += pixels * in * out
		}
		in = out
	}
	stem, fc := 112*112*64*3*49, 2048*1000
	require.Equal(t, 3_818_372_352, stem+branches+ones+fc)
}

// However a branch comes to its scale, the multiply-adds of the blocks and of
// the graph agree.
func TestSABlocksByDownsample(t *testing.T) {
	for _, d := range []Downsample{MaxPool, AveragePool, Strided, Dilated} {
		c := Config{Name: "scalenet", Stem: Stem{Channels: 4, Kernel: 3, Stride: 1}, Blocks: []int{1}, Planes: []int{3}, Scales: []int{1, 2, 3, 7},
			Downsample: d, Structure: Structure{{2, 3, 4, 5, 7}}}
		made, err := c.New()
		require.NoError(t, err)
		n := made.(*ScaleNet)
		parts, _, err := Summarize(n, 7, 7, 2)
		require.NoError(t, err)
		ones := 7 * 7 * (4*3 + 14*12 + 4*12)
		require.Equal(t, parts[1].MACs-ones, n.SABlocks()[0].MACs(), d)
	}
}

func TestStageSides(t *testing.T) {
	for side, want := range map[int][]int{224: {56, 28, 14, 7}, 250: {63, 31, 15, 7}, 230: {58, 29, 14, 7}} {
		n, err := Config{Name: "scalenet50"}.New()
		require.NoError(t, err)
		got, err := StageSides(n, side)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	n, err := Config{Name: "scalenet50"}.New()
	require.NoError(t, err)
	_, err = StageSides(n, 32)
	require.Error(t, err)
}

func TestWriteStructure(t *testing.T) {
	published, err := PublishedStructure("scalenet50")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "rows.json")
	require.NoError(t, WriteStructure(path, published))
	again, err := ReadStructure(path)
	require.NoError(t, err)
	require.Equal(t, published, again)
	want, err := os.ReadFile(filepath.Join("structures", "scalenet50.json"))
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "the form of the published files")
	require.ErrorContains(t, WriteStructure(path, nil), "no rows")
	require.ErrorContains(t, WriteStructure(path, Structure{{1, 2, 7}, {0, 0, 7}}), "row 2 has no neurons")
}
