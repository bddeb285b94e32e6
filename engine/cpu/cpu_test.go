package cpu

import (
	"testing"

	"scalenet/engine/optest"
	"scalenet/engine/ref"
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
	optest.Run(t, ref.New(ref.Options{Fuse: true}), newDevice(t, 2), optest.Options{BFloat16: true})
}
