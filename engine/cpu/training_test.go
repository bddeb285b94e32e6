package cpu_test

import (
	"math/rand/v2"
	"testing"

	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/optest"
	"scalenet/engine/ref"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
)

// Gradients in bfloat16 of random graphs, against the reference device's in float32.
func TestGradientsInBFloat16(t *testing.T) {
	device, err := cpu.New(cpu.Options{Threads: 2})
	require.NoError(t, err)
	defer device.Close()
	if err := device.Capabilities().BFloat16; err != nil {
		t.Skip(err)
	}
	o := optest.PlanOptions{Type: nn.Float32, Features: engine.BFloat16, Backward: true, Tolerance: 0.3}
	for seed := range uint64(40) {
		draw := rand.New(rand.NewPCG(seed, 0)).IntN
		if err := optest.ComparePlans(ref.New(ref.Options{}), device, draw, o); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}
