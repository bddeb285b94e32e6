package allocate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// withConv3 adds to the tensors of a seed of one block what conv3 and its norm need.
func withConv3(tensors []checkpoint.Tensor, block string, conv3, weight, variance []float32) []checkpoint.Tensor {
	out := len(weight)
	return append(tensors,
		checkpoint.Float32Tensor(block+".conv3.weight", []int{out, len(conv3) / out, 1, 1}, conv3),
		checkpoint.Float32Tensor(block+".bn3.weight", []int{out}, weight),
		checkpoint.Float32Tensor(block+".bn3.running_var", []int{out}, variance))
}

// The norm is that of the change of the block's output by a neuron.
func TestOutputMeasure(t *testing.T) {
	config := small([]int{2, 0, 1}) // one plane, so 4 output channels
	out := expansion * config.Planes[0]
	conv3, weight, variance := make([]float32, 3*out), make([]float32, out), make([]float32, out)
	for o := range out {
		weight[o], variance[o] = 1, 1-1e-5
	}
	// Neuron 0 reaches two channels, neuron 1 none; neuron 2, of the third scale, one channel that is multiplied by -3/2.
	conv3[0*3+0], conv3[1*3+0] = 3, -4
	conv3[2*3+2], weight[2], variance[2] = 7, -3, 4-1e-5
	path := save(t, metadataOf(t, "scalenet.classifier", config), withConv3(gammas([][]float32{{-0.5, 9}, nil, {2}}), "layer1.0", conv3, weight, variance)...)
	seed, err := ReadSeed(path, nil, Output)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{2.5, 0}, seed.Importance[0][0], 1e-6)
	require.Empty(t, seed.Importance[0][1])
	require.InDeltaSlice(t, []float64{21}, seed.Importance[0][2], 1e-6)
	require.Contains(t, func() string { a, _ := seed.Allocate(macs(4), 0); return a.Report().title() }(), "importance (output)")
}

func TestMeasureErrors(t *testing.T) {
	config := small([]int{2, 0, 1})
	described := metadataOf(t, "scalenet.classifier", config)
	good := gammas([][]float32{{1, 1}, nil, {1}})
	_, err := ReadSeed(save(t, described, good...), nil, "size")
	require.ErrorContains(t, err, `importance "size": want [gamma output loss]`)
	_, err = ReadSeed(save(t, described, good...), nil, Output)
	require.ErrorContains(t, err, `tensor "layer1.0.conv3.weight" [`)
	out := expansion * config.Planes[0]
	ones := make([]float32, out)
	negative := append([]float32{-1}, ones[1:]...)
	_, err = ReadSeed(save(t, described, withConv3(good, "layer1.0", make([]float32, 3*out), ones, negative)...), nil, Output)
	require.ErrorContains(t, err, `"layer1.0.bn3.running_var" [0] is -1, want a variance`)

	seed, err := ReadSeed(save(t, described, good...), nil, Loss)
	require.NoError(t, err)
	require.ErrorContains(t, seed.SetSensitivity(nil), `0 sensitivities of "layer1.0.bn2.0.weight", want 2`)
	of := map[string][]float64{"layer1.0.bn2.0.weight": {1, math.NaN()}, "layer1.0.bn2.2.weight": {3}}
	require.ErrorContains(t, seed.SetSensitivity(of), `the sensitivity of "layer1.0.bn2.0.weight" [1] is NaN`)
	of["layer1.0.bn2.0.weight"][1] = 2
	require.NoError(t, seed.SetSensitivity(of))
	require.Equal(t, [][][]float64{{{1, 2}, nil, {3}}}, seed.Importance)
}
