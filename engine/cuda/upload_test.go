//go:build gpu

package cuda

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"scalenet/engine"
	"scalenet/nn"
	"scalenet/raster"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// uploading is a plan from one image, of n x n pixels that are all the same, to the mean of its image of 3 x 2.
type uploading struct {
	device                  *Device
	plan                    *engine.Plan
	bytes, transforms, mean *nn.Node
	side                    int
}

func newUploading(t testing.TB, d *Device, side int) *uploading {
	u := &uploading{device: d, side: side}
	g := nn.NewGraph(nn.NewParams(1), false)
	u.bytes, u.transforms = g.Bytes("bytes", 3*side*side), g.Labels("transforms", 1, nn.TransformRow)
	images := nn.Apply(nn.Preprocess{Std: [3]float32{1, 1, 1}, Height: 3, Width: 2}, u.bytes, u.transforms)
	u.mean = nn.GlobalAvgPool(nn.Relu(images))
	store := engine.NewStore(d, g.Params)
	var err error
	u.plan, err = engine.Compile(d, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{images}, {u.mean}}})
	require.NoError(t, err)
	return u
}

// start lets the plan run on an image of a value, in two parts, and gives what waits for the mean.
func (u *uploading) start(value uint8) (mean []float32, wait func() error, err error) {
	pixels := make([]uint8, 3*u.side*u.side)
	for i := range pixels {
		pixels[i] = value
	}
	if err := u.plan.Upload(u.bytes, pixels[:5], pixels[5:]); err != nil {
		return nil, nil, err
	}
	clear(pixels) // they are ours again
	row := nn.ImageTransform{W: u.side, H: u.side, Transform: raster.Transform{W: 2, H: 3}}.Row()
	if err := u.plan.Write(u.transforms, row); err != nil {
		return nil, nil, err
	}
	if err := u.plan.RunAll(); err != nil {
		return nil, nil, err
	}
	mean = make([]float32, 3)
	wait, err = u.plan.Fetch(u.mean, mean)
	return mean, wait, err
}

// Runs are asked for while others are under way, each with its own image and its own result, whose host looks at them late; images may be
// longer than the pinned buffers.
func TestUploadsBesideKernels(t *testing.T) {
	for _, side := range []int{4, 2400} {
		t.Run(fmt.Sprint(side), func(t *testing.T) {
			u := newUploading(t, newDevice(t), side)
			defer u.plan.Close()
			var means [][]float32
			var waits []func() error
			for i := range 5 {
				mean, wait, err := u.start(uint8(40*i + 20))
				require.NoError(t, err)
				means, waits = append(means, mean), append(waits, wait)
				if i%2 == 1 {
					require.NoError(t, waits[i-1]())
				}
			}
			for i := range means {
				if i%2 == 0 && i < 4 {
					continue
				}
				require.NoError(t, waits[i]())
			}
			for i, mean := range means {
				want := float32(40*i+20) / 255
				assert.InDeltaSlice(t, []float32{want, want, want}, mean, 1e-6, "run %d", i)
			}
			require.Len(t, u.device.results, 3, "as many as were under way at once")
		})
	}
}

// What a kernel reports comes with the result that was asked for after it.
func TestFetchedFaults(t *testing.T) {
	u := newUploading(t, newDevice(t), 4)
	defer u.plan.Close()
	require.NoError(t, u.plan.Upload(u.bytes, make([]uint8, 48)))
	require.NoError(t, u.plan.Write(u.transforms, []int32{0, 5, 4, 1, 1, 0}))
	require.NoError(t, u.plan.RunAll())
	wait, err := u.plan.Fetch(u.mean, make([]float32, 3))
	require.NoError(t, err)
	assert.EqualError(t, wait(), "cuda: fetch: image 0 lies outside of its bytes or of its image")
	_, wait, err = u.start(9)
	require.NoError(t, err)
	require.NoError(t, wait())
}

func TestUploadErrors(t *testing.T) {
	d, other := newDevice(t), newDevice(t)
	foreign := alloc(t, other, engine.Float32, nil, 4)
	_, err := d.Upload(foreign.Mem)
	assert.ErrorContains(t, err, "cuda: upload: memory of ")
	_, err = d.Fetch(make([]float32, 4), foreign.Mem)
	assert.ErrorContains(t, err, "cuda: fetch: memory of ")
	own := alloc(t, d, engine.Float32, nil, 4)
	_, err = d.Fetch(make([]float32, 5), own.Mem)
	assert.ErrorContains(t, err, "20 bytes for memory of 16")
	_, err = d.Fetch("text", own.Mem)
	assert.ErrorContains(t, err, "string is not a slice")
	up, err := d.Upload(own.Mem)
	require.NoError(t, err)
	defer up.Close()
	assert.ErrorContains(t, up.Send([]float32{1}, "text"), "string is not a slice")
	assert.ErrorContains(t, up.Send([]float32{1, 2}, []float32{3, 4, 5}), "more than 16 bytes")
	require.NoError(t, up.Send([]float32{1}, []float32{2}))
	require.NoError(t, d.Do(up.Ready))
	assert.Equal(t, []float32{1, 2, 0, 0}, read(t, d, own))
}

// Whichever call fails, it is said and nothing is left behind.
func TestEveryFailureOfUploadsIsSaid(t *testing.T) {
	onFakeLibraries(t)
	for _, call := range []string{"cuEventCreate", "cuEventRecord", "cuStreamWaitEvent", "cuMemAllocHost_v2", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuEventSynchronize"} {
		failures := 0
		for n := 1; ; n++ {
			d, err := New(Options{})
			require.NoError(t, err)
			u := newUploading(t, d, 4)
			os.Setenv("SCALENET_FAKE_FAIL", fmt.Sprintf("%s:%d", call, n))
			_, wait, err := u.start(7)
			if err == nil {
				err = wait()
			}
			os.Unsetenv("SCALENET_FAKE_FAIL")
			u.plan.Close()
			require.NoError(t, d.Close())
			if err == nil {
				break
			}
			require.NotContains(t, err.Error(), "\n")
			failures++
			require.Less(t, failures, 50, call)
		}
		assert.Positive(t, failures, call)
	}
}

// The fake libraries end the process where nothing orders a copy and the kernels beside it, whether or not it went well.
func TestRacesAreFound(t *testing.T) {
	if left := os.Getenv("SCALENET_LEAVE_OUT"); left != "" {
		d, err := New(Options{})
		require.NoError(t, err)
		bytes, transforms, images := alloc(t, d, engine.UInt8, nil, 3), alloc(t, d, engine.Int32, []int32{0, 1, 1, 1, 1, 0}, 1, 6), alloc(t, d, engine.Float32, nil, 1, 1, 1, 3)
		k := compile(t, d, nn.Preprocess{Std: [3]float32{1, 1, 1}, Height: 1, Width: 1}, images, bytes, transforms)
		up, err := d.Upload(bytes.Mem)
		require.NoError(t, err)
		for range 2 {
			require.NoError(t, up.Send([]uint8{1, 2, 3}))
			if left != "Ready" {
				require.NoError(t, up.Ready())
			}
			require.NoError(t, d.Do(k.Run))
			if left != "Used" {
				require.NoError(t, up.Used())
			}
		}
		read(t, d, images)
		up.Close()
		return
	}
	onFakeLibraries(t)
	self, err := os.Executable()
	require.NoError(t, err)
	for left, want := range map[string]string{
		"Ready":   "preprocess_f32 and cuMemcpyHtoDAsync_v2 of another stream touch the same memory, and nothing orders them",
		"Used":    "cuMemcpyHtoDAsync_v2 and preprocess_f32 of another stream touch the same memory, and nothing orders them",
		"nothing": "PASS",
	} {
		child := exec.Command(self, "-test.run=^TestRacesAreFound$")
		child.Env = append(os.Environ(), "SCALENET_LEAVE_OUT="+left)
		out, err := child.CombinedOutput()
		assert.Equal(t, left == "nothing", err == nil, left)
		assert.Contains(t, string(out), want, left)
	}
}
