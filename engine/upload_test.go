package engine_test

import (
	"testing"

	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// On a device that has no memory of its own an upload is a write, and a fetch a read.
func TestUploadElsewhere(t *testing.T) {
	dev := ref.New(ref.Options{})
	g := nn.NewGraph(nn.NewParams(1), false)
	x, y := g.Input("x", 4), g.Input("y", 4)
	both, later := nn.Apply(nn.Add{}, x, y), nn.Apply(nn.Sigmoid{}, x)
	plan, err := engine.Compile(dev, engine.NewStore(dev, g.Params), engine.Spec{Graph: g, Stages: [][]*nn.Node{{both}, {later}}})
	require.NoError(t, err)
	defer plan.Close()
	require.NoError(t, plan.Write(x, []float32{10, 20, 30, 40}))
	require.NoError(t, plan.Upload(y, []float32{1, 2, 3}, []float32{4}))
	require.NoError(t, plan.Upload(y, []float32{5})) // the beginning
	require.NoError(t, plan.RunAll())
	got := make([]float32, 4)
	wait, err := plan.Fetch(both, got)
	require.NoError(t, err)
	require.NoError(t, wait())
	assert.Equal(t, []float32{15, 22, 33, 44}, got)

	assert.EqualError(t, plan.Upload(y, []float32{1, 2, 3}, []float32{4, 5}), "engine: 20 bytes for input y, which is f32[4]")
	assert.EqualError(t, plan.Upload(y, "text"), "engine: input y: string is not a slice that a device holds")
	assert.ErrorContains(t, plan.Upload(both, got), "is not an input that the plan uses")
	_, err = plan.Fetch(both, got[:3])
	assert.ErrorContains(t, err, "3 values of []float32 for output")
}

// recordingUploads is a device that notes the order of an upload's calls and of its kernels.
type recordingUploads struct {
	engine.Device
	calls []string
}

func (d *recordingUploads) note(call string) error { d.calls = append(d.calls, call); return nil }

func (d *recordingUploads) Upload(dst engine.Memory) (engine.Upload, error) {
	return recordedUpload{d}, d.note("Upload")
}

func (d *recordingUploads) Fetch(values any, src engine.Memory) (func() error, error) {
	return func() error { return d.note("arrived") }, d.note("Fetch")
}

func (d *recordingUploads) Do(f func() error) error { d.note("run"); return f() }

type recordedUpload struct{ d *recordingUploads }

func (u recordedUpload) Send(...any) error { return u.d.note("Send") }
func (u recordedUpload) Ready() error      { return u.d.note("Ready") }
func (u recordedUpload) Used() error       { return u.d.note("Used") }
func (u recordedUpload) Close()            { u.d.note("Close") }

// Kernels wait for what was sent, and the next upload for the stage that reads it, not for the others.
func TestUploadIsAroundItsStage(t *testing.T) {
	dev := &recordingUploads{Device: ref.New(ref.Options{})}
	g := nn.NewGraph(nn.NewParams(1), false)
	x, y := g.Input("x", 4), g.Input("y", 4)
	both := nn.Apply(nn.Add{}, x, y)
	later := nn.Apply(nn.Sigmoid{}, nn.Apply(nn.Add{}, both, x))
	plan, err := engine.Compile(dev, engine.NewStore(dev, g.Params), engine.Spec{Graph: g, Stages: [][]*nn.Node{{both}, {later}}})
	require.NoError(t, err)
	dev.calls = nil
	for range 2 {
		require.NoError(t, plan.Upload(y, []float32{1}))
		require.NoError(t, plan.RunAll())
		wait, err := plan.Fetch(later, make([]float32, 4))
		require.NoError(t, err)
		require.NoError(t, wait())
	}
	assert.ErrorContains(t, plan.Upload(x, []float32{1}), "input x is read by 2 stages")
	plan.Close()
	each := []string{"Send", "run", "Ready", "Used", "run", "Fetch", "arrived"}
	assert.Equal(t, append(append(append([]string{"Upload"}, each...), each...), "Close"), dev.calls)
}
