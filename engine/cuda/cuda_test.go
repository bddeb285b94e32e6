//go:build gpu

package cuda

import (
	"testing"

	"scalenet/engine"
	"scalenet/engine/optest"
	"scalenet/engine/ref"

	"github.com/stretchr/testify/require"
)

// newDevice opens the first GPU, or the fake CUDA libraries if the loader finds that one first. The test closes it, which on
// the fake libraries fail if anything is left.
func newDevice(t testing.TB) *Device {
	t.Helper()
	d, err := New(Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// The operations, their aliasing, repeatability and changes of parameters, and the optimiser, against the reference device.
func TestOperations(t *testing.T) {
	optest.Run(t, ref.New(ref.Options{Fuse: true}), newDevice(t), optest.Options{Features: []engine.DType{engine.BFloat16, engine.Float16}})
}
