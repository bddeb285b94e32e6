package detector

import (
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/coco"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
)

// newCPU starts the processor's device; the test closes it.
func newCPU(t *testing.T) *cpu.Device { return newCPUOf(t, 2) }

func newCPUOf(t *testing.T, threads int) *cpu.Device {
	dev, err := cpu.New(cpu.Options{Threads: threads})
	require.NoError(t, err)
	t.Cleanup(func() { dev.Close() })
	return dev
}

// onDevices runs a test on the reference device, the processor's and, with the tag gpu, a GPU.
func onDevices(t *testing.T, test func(t *testing.T, dev engine.Device)) {
	t.Run("ref", func(t *testing.T) { test(t, ref.New(ref.Options{})) })
	t.Run("cpu", func(t *testing.T) { test(t, newCPU(t)) })
	for name, dev := range gpus(t) {
		t.Run(name, func(t *testing.T) { test(t, dev) })
	}
}

// images is the data set of testdata/images: blood cells and a card.
func images(t *testing.T) *coco.Dataset {
	d, err := coco.Open("testdata/images/instances.json", coco.Options{Images: "testdata/images"})
	require.NoError(t, err)
	return d
}
