package detector

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/engine/ref"
)

// The gradients of a part are what they are at the end as soon as OnPart gives them: first those of the box head, the backbone's stem last.
func TestParts(t *testing.T) {
	for name, change := range map[string]func(*Config){"C4": func(*Config) {}, "FPN": pyramid, "frozen": func(c *Config) { c.Frozen.Stages = 3 }} {
		t.Run(name, func(t *testing.T) {
			c := smallConfig()
			change(&c)
			m := newModel(t, c)
			dev := ref.New(ref.Options{})
			trainer, err := NewTrainer(m, dev, nil, rand.New(rand.NewPCG(1, 2)))
			require.NoError(t, err)
			defer trainer.Close()
			parts := trainer.Parts()
			require.Greater(t, len(parts), 2)
			known := map[int][]float32{}
			read := func(i int, m engine.Memory) []float32 {
				values := make([]float32, trainer.Params()[i].Len)
				require.NoError(t, dev.Read(values, m))
				return values
			}
			params := m.Params.All()
			last := len(parts) - 1
			heard := 0
			trainer.OnPart(func(grads []engine.Memory) error {
				for i, g := range grads {
					require.Equal(t, slices.Contains(parts[heard], params[i]), g != nil, params[i].Name)
					if g != nil {
						known[i] = read(i, g)
					}
				}
				heard++
				return nil
			})
			g, err := trainer.Backward(t.Context(), squares(2), 1)
			require.NoError(t, err)
			require.Equal(t, last, heard)
			for i, p := range params {
				if values := known[i]; values != nil {
					require.Equal(t, read(i, g.Grads[i]), values, p.Name)
				}
				in := 0
				for _, part := range parts {
					if slices.Contains(part, p) {
						in++
					}
				}
				require.Equal(t, in == 1, g.Grads[i] != nil, p.Name)
			}
			partOf := func(prefix string) (list []int) {
				for k, part := range parts {
					for _, p := range part {
						if strings.HasPrefix(p.Name, prefix) {
							list = append(list, k)
						}
					}
				}
				return list
			}
			require.Contains(t, partOf("roi"), 0)
			require.NotContains(t, partOf("rpn"), 0)
			if name != "frozen" {
				require.NotContains(t, partOf("rpn"), last)
				require.Equal(t, []int{last}, partOf("conv1"))
			}
		})
	}
}
