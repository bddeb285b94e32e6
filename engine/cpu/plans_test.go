package cpu

import (
	"math/rand/v2"
	"testing"

	"scalenet/engine"
	"scalenet/engine/optest"
	"scalenet/engine/ref"
	"scalenet/nn"
)

// Plans of random graphs agree with the reference device's, without fusion and
// with memory of its own for each value.
func TestPlans(t *testing.T) {
	oracle, device := ref.New(ref.Options{}), newDevice(t, 2)
	for name, o := range map[string]optest.PlanOptions{
		"f32":      {Type: nn.Float32, Tolerance: 1e-4},
		"training": {Type: nn.Float32, Backward: true, Tolerance: 1e-3},
		"bf16":     {Type: nn.Float32, Features: engine.BFloat16, Tolerance: 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			if err := device.Capabilities().BFloat16; o.Features == engine.BFloat16 && err != nil {
				t.Skip(err)
			}
			for seed := range uint64(40) {
				draw := rand.New(rand.NewPCG(seed, 0)).IntN
				if err := optest.ComparePlans(oracle, device, draw, o); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
}
