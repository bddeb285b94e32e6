package optest

import (
	"testing"

	"scalenet/engine/ref"
)

// The oracle itself makes PyTorch's steps.
func TestGoldenUpdates(t *testing.T) {
	oracle := ref.New(ref.Options{})
	goldenUpdates(t, oracle)
	refusedUpdates(t, oracle)
}
