package cpu

import (
	"testing"

	"scalenet/engine"
	"scalenet/engine/optest"
	"scalenet/engine/ref"
	"scalenet/nn"
)

func newDevice(t testing.TB, threads int) *Device {
	t.Helper()
	d, err := New(Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// The operations, their aliasing, repeatability and changes of parameters, and
// the optimiser, against the reference device.
func TestOperations(t *testing.T) {
	d := newDevice(t, 2)
	missing := d.Capabilities().BFloat16
	optest.Run(t, ref.New(ref.Options{Fuse: true}), d, optest.Options{Features: []engine.DType{engine.BFloat16}, Skip: func(c optest.Case, features engine.DType) string {
		switch c.Op.(type) {
		case nn.Conv2D, nn.Conv2DGradInput, nn.Conv2DGradWeight, engine.ConvBlock, engine.ConvBlockGradInput, engine.ConvBlockGradWeight, nn.Linear:
			// oneDNN's; loops do without the CPU's help
			if features == engine.BFloat16 && missing != nil {
				return missing.Error()
			}
		}
		return ""
	}})
}
