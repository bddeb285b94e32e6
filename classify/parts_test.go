package classify

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/nn"
)

// The gradients of a part are what they are at the end as soon as OnPart gives them: those of the last layer first, those of the stem last.
func TestParts(t *testing.T) {
	data, _ := openSmall(t, 10, 3)
	m, err := New(small(t), data.Classes, 1)
	require.NoError(t, err)
	dev := processor(t)
	trainer, err := NewTrainer(m, dev, data, nil)
	require.NoError(t, err)
	defer trainer.Close()
	loader, err := NewLoader(m.Config, data, nil)
	require.NoError(t, err)
	defer loader.Close()
	batch, err := loader.Next(t.Context())
	require.NoError(t, err)
	read := func(grads []engine.Memory) [][]float32 {
		values := make([][]float32, len(grads))
		for i, g := range grads {
			if g != nil {
				values[i] = make([]float32, trainer.Params()[i].Len)
				require.NoError(t, dev.Read(values[i], g))
			}
		}
		return values
	}
	var known [][][]float32
	trainer.OnPart(func(grads []engine.Memory) error {
		known = append(known, read(grads))
		return nil
	})
	g, err := trainer.Backward(t.Context(), batch, 1)
	require.NoError(t, err)
	all, parts := read(g.Grads), trainer.Parts()
	require.Len(t, parts, 4)
	require.Len(t, known, len(parts)-1)
	for i, p := range m.Params.All() {
		part := slices.IndexFunc(parts, func(part []*nn.Param) bool { return slices.Contains(part, p) })
		require.Equal(t, part >= 0, all[i] != nil, p.Name)
		for k, values := range known {
			if k == part {
				require.Equal(t, all[i], values[i], p.Name)
			} else {
				require.Nil(t, values[i], p.Name)
			}
		}
		switch p.Name {
		case "fc.weight":
			require.Zero(t, part)
		case "conv1.weight":
			require.Equal(t, len(parts)-1, part)
		}
	}
}
