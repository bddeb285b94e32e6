package onnx

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"

	"scalenet/export/onnx/internal/onnxpb"
)

// Every exported model is a graph in order, whose values have unique names.
func TestGraphsAreWellFormed(t *testing.T) {
	for _, tiny := range tinyDetectors() {
		t.Run(tiny.name, func(t *testing.T) {
			m := tiny.model(t)
			exported, err := Detector(m)
			require.NoError(t, err)
			requireWellFormed(t, exported, m.Classes, "boxes", "labels", "scores", "batch_indices")
		})
	}
	for _, tiny := range tinyClassifiers() {
		t.Run(tiny.name, func(t *testing.T) {
			m := tiny.model(t)
			exported, err := Classifier(m)
			require.NoError(t, err)
			requireWellFormed(t, exported, m.Classes, "logits", "probabilities")
		})
	}
}

// requireWellFormed reads the file of a model back.
func requireWellFormed(t *testing.T, m *Model, classes []string, outputs ...string) {
	data, err := m.Bytes()
	require.NoError(t, err)
	var read onnxpb.ModelProto
	require.NoError(t, proto.Unmarshal(data, &read))
	g := read.Graph
	defined := map[string]bool{"": true} // an optional input that is not given
	define := func(name string) {
		require.NotEmpty(t, name)
		require.False(t, defined[name], "%s is defined twice", name)
		defined[name] = true
	}
	require.Len(t, g.Input, 1)
	require.Equal(t, "image", g.Input[0].GetName())
	define("image")
	used := map[string]bool{}
	for _, c := range g.Initializer {
		define(c.GetName())
		size := map[int32]int{int32(float32Type): 4, int32(int32Type): 4, int32(int64Type): 8, int32(float64Type): 8}[c.GetDataType()]
		for _, d := range c.Dims {
			size *= int(d)
		}
		require.Len(t, c.RawData, size, "%s %v", c.GetName(), c.Dims)
	}
	names := map[string]bool{}
	for _, node := range g.Node {
		require.False(t, names[node.GetName()], "two operations are named %s", node.GetName())
		names[node.GetName()] = true
		for _, in := range node.Input {
			require.True(t, defined[in], "%s reads %s before it is defined", node.GetName(), in)
			used[in] = true
		}
		for _, out := range node.Output {
			define(out)
		}
	}
	for _, c := range g.Initializer {
		require.True(t, used[c.GetName()], "nothing uses %s", c.GetName())
	}
	var got []string
	for _, out := range g.Output {
		require.True(t, defined[out.GetName()], "the output %s is not defined", out.GetName())
		got = append(got, out.GetName())
	}
	require.Equal(t, outputs, got)
	metadata := map[string]string{}
	for _, p := range read.MetadataProps {
		metadata[p.GetKey()] = p.GetValue()
	}
	var list []string
	require.NoError(t, json.Unmarshal([]byte(metadata["classes"]), &list))
	require.Equal(t, classes, list)
}

// The graph of a model changes only on purpose: this is the hash of its operations, apart from the weights.
func TestGraphIsTheSameEveryTime(t *testing.T) {
	texts := []string{}
	for range 2 {
		m, err := Detector(tinyDetectors()[0].model(t))
		require.NoError(t, err)
		m.proto.Graph.Initializer, m.proto.MetadataProps = nil, nil
		data, err := m.Bytes()
		require.NoError(t, err)
		texts = append(texts, string(data))
	}
	require.Equal(t, texts[0], texts[1])
	require.Equal(t, "4ce4fbccf68ba0a7", fmt.Sprintf("%016x", xxh3.HashString(texts[0])), "if the graph was changed on purpose, run TestRuntimes and replace the hash")
}
