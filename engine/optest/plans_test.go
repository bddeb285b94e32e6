package optest

import (
	"math/rand/v2"
	"testing"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"

	"pgregory.net/rapid"
)

// Fusion, the sharing of memory and the order of steps change no result.
func TestPlans(t *testing.T) {
	oracle, device := ref.New(ref.Options{}), ref.New(ref.Options{Fuse: true})
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "draw") }
		o := PlanOptions{Type: nn.Float64, Backward: draw(2) == 1, Tolerance: 1e-8}
		if err := ComparePlans(oracle, device, draw, o); err != nil {
			t.Fatal(err)
		}
	})
}

// bfloat16 with what is read from outside in float32, fused and not, without and with gradients.
func TestPlansInBFloat16(t *testing.T) {
	for _, o := range []PlanOptions{
		{Type: nn.Float32, Features: engine.BFloat16, Tolerance: 0.05},
		{Type: nn.Float32, Features: engine.BFloat16, Backward: true, Tolerance: 0.3},
	} {
		for _, fuse := range []bool{false, true} {
			for seed := range uint64(40) {
				draw := rand.New(rand.NewPCG(seed, 0)).IntN
				if err := ComparePlans(ref.New(ref.Options{}), ref.New(ref.Options{Fuse: fuse}), draw, o); err != nil {
					t.Errorf("seed %d, backward %v, fuse %v: %v", seed, o.Backward, fuse, err)
				}
			}
		}
	}
}
