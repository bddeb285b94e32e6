package detector

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/engine"
	"scalenet/engine/ref"
)

// The gradients of the box head are what they are at the end as soon as OnEarly gives them; all others come later.
func TestEarlyGradients(t *testing.T) {
	for name, change := range map[string]func(*Config){"C4": func(*Config) {}, "FPN": pyramid} {
		t.Run(name, func(t *testing.T) {
			c := smallConfig()
			change(&c)
			m := newModel(t, c)
			dev := ref.New(ref.Options{})
			trainer, err := NewTrainer(m, dev, nil, rand.New(rand.NewPCG(1, 2)))
			require.NoError(t, err)
			defer trainer.Close()
			isEarly, err := trainer.Early()
			require.NoError(t, err)
			early := map[int][]float32{}
			read := func(i int, m engine.Memory) []float32 {
				values := make([]float32, trainer.Params()[i].Len)
				require.NoError(t, dev.Read(values, m))
				return values
			}
			trainer.OnEarly(func(grads []engine.Memory) error {
				for i, g := range grads {
					require.Equal(t, isEarly[i], g != nil, trainer.Params()[i].Name)
					if g != nil {
						early[i] = read(i, g)
					}
				}
				return nil
			})
			g, err := trainer.Backward(t.Context(), squares(2), 1)
			require.NoError(t, err)
			require.NotEmpty(t, early)
			for i, values := range early {
				require.Equal(t, read(i, g.Grads[i]), values)
				require.False(t, strings.Contains(trainer.Params()[i].Name, "rpn"), trainer.Params()[i].Name)
			}
		})
	}
}
