//go:build gpu

package detector

import (
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/engine"
	"scalenet/engine/cuda"
)

// gpus is the first GPU, or the fake CUDA libraries; the test closes it.
func gpus(t *testing.T) map[string]engine.Device {
	dev, err := cuda.New(cuda.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	return map[string]engine.Device{"cuda": dev}
}
