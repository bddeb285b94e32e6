//go:build gpu

package cuda

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"scalenet/engine"
	"scalenet/engine/optest"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"
)

// alloc makes a tensor that counts its changes; float32 values are set.
func alloc(t testing.TB, d *Device, typ engine.DType, values any, shape ...int) engine.Tensor {
	t.Helper()
	x := engine.Tensor{Desc: engine.Desc{Shape: nn.Shape(shape), Type: typ}, Version: new(uint64)}
	m, err := d.Alloc(x.Bytes())
	require.NoError(t, err)
	t.Cleanup(func() { d.Free(m) })
	x.Mem = m
	if values != nil {
		require.NoError(t, d.Write(m, values))
	}
	return x
}

func compile(t testing.TB, d *Device, op nn.Op, out engine.Tensor, in ...engine.Tensor) engine.Kernel {
	t.Helper()
	k, err := d.Kernel(op, in, out)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

func read(t testing.TB, d *Device, x engine.Tensor) []float32 {
	t.Helper()
	v := make([]float32, x.Shape.TotalSize())
	require.NoError(t, d.Read(v, x.Mem))
	return v
}

// onFakeLibraries skips a test on a real GPU: it needs failures to order.
func onFakeLibraries(t *testing.T) {
	if all, err := GPUs(); err != nil || all[0].Name != "fake CUDA" {
		t.Skip("not on the fake CUDA libraries")
	}
}

// Whichever call of the driver or a library fails, opening a device, compiling and running say so and leave nothing behind, which the
// fake libraries check when the device is closed.
func TestEveryFailureIsSaid(t *testing.T) {
	onFakeLibraries(t)
	untilItWorks := func(call string, try func() error) (failures int) {
		defer os.Unsetenv("SCALENET_FAKE_FAIL")
		for n := 1; ; n++ {
			os.Setenv("SCALENET_FAKE_FAIL", fmt.Sprintf("%s:%d", call, n))
			err := try()
			if err == nil {
				return n - 1
			}
			require.NotContains(t, err.Error(), "\n", "%s:%d", call, n)
			require.Less(t, n, 200, call)
		}
	}
	for _, call := range []string{"cuCtxSetCurrent", "cuStreamCreate", "cuModuleLoadData", "cuMemAlloc_v2", "cuMemAllocHost_v2", "cuEventCreate", "cuMemsetD8Async"} {
		assert.Positive(t, untilItWorks(call, func() error {
			d, err := New(Options{})
			if err == nil {
				err = d.Close()
			}
			return err
		}), call)
	}
	cases := slices.DeleteFunc(optest.Cases(), func(c optest.Case) bool { return !sampled(c) })
	for _, call := range []string{"cuMemAlloc_v2", "cuMemcpyHtoDAsync_v2", "cuModuleGetFunction", "cuLaunchKernel", "cuMemsetD8Async",
		"cudnnCreateTensorDescriptor", "cudnnCreateFilterDescriptor", "cudnnCreateConvolutionDescriptor", "cudnnCreateActivationDescriptor",
		"cudnnGetConvolutionForwardAlgorithm_v7", "cudnnGetConvolutionBackwardDataAlgorithm_v7", "cudnnGetConvolutionBackwardFilterAlgorithm_v7",
		"cudnnConvolutionForward", "cudnnConvolutionBiasActivationForward", "cudnnConvolutionBackwardData", "cudnnConvolutionBackwardFilter",
		"cublasGemmEx"} {
		d, err := New(Options{})
		require.NoError(t, err)
		assert.Positive(t, untilItWorks(call, func() error {
			for _, c := range cases {
				if _, err := tryCase(d, c); err != nil {
					return err
				}
			}
			return nil
		}), call)
		require.NoError(t, d.Close())
	}
}

// sampled says whether a case is one of the few that together reach every kind of step.
func sampled(c optest.Case) bool {
	return slices.Contains([]string{
		"ConvBlock/k3s1p1d1g1/2x5x4x5-9+bias+norm+residual+relu", "ConvBlockGradInput/k3s1p1d1g1/1x9x6x3-17+norm",
		"ConvBlockGradWeight/k3s1p1d1g1/1x9x6x3-17+norm", "Conv2D/k3s2p2d2g1/2x8x9x3-5", "Linear/3x17-5+bias", "Embed/axis1",
		"Resize2D/nearest/1x3x4x3-6x8", "RoIAlignGrad/size7/sampling2/aligned/5", "SoftmaxCrossEntropyGrad/7x5", "Moments2D/2x5x4x17",
		"ConvBlock/k3s1p1d1g1/2x5x4x5-9", "Proposals/one/1x1x1x3", "Detections/one-region/1x1x1",
	}, c.Name)
}

// tryCase compiles and runs a case on zeros, and says what computes it.
func tryCase(d *Device, c optest.Case) (how string, err error) {
	var in []engine.Tensor
	alloc := func(shape nn.Shape, typ engine.DType) (engine.Tensor, error) {
		x := engine.Tensor{Desc: engine.Desc{Shape: shape, Type: typ}, Version: new(uint64)}
		m, err := d.Alloc(x.Bytes())
		x.Mem = m
		return x, err
	}
	for _, i := range c.In {
		typ := i.Type
		if i.Fill.Kind == optest.Labels {
			typ = engine.Int32
		}
		x, err := alloc(i.Shape, typ)
		if err != nil {
			return "", err
		}
		defer d.Free(x.Mem)
		in = append(in, x)
	}
	out, err := alloc(c.OutShape(), engine.Float32)
	if err != nil {
		return "", err
	}
	defer d.Free(out.Mem)
	k, err := d.Kernel(c.Op, in, out)
	if err != nil {
		return "", err
	}
	defer k.Close()
	if err := d.Do(k.Run); err != nil {
		return "", err
	}
	_, err = d.SumSquares(out.Mem, out.Shape.TotalSize())
	return k.(fmt.Stringer).String(), err
}

func TestCapabilityDecidesOnBFloat16AndKernels(t *testing.T) {
	onFakeLibraries(t)
	for capability, missing := range map[string]string{"70": "this GPU has compute capability 7.0, bfloat16 needs 8.0", "90": ""} {
		t.Setenv("SCALENET_FAKE_CAPABILITY", capability)
		d, err := New(Options{TF32: true})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		if missing != "" {
			assert.ErrorContains(t, d.Capabilities().BFloat16, missing)
		} else {
			assert.NoError(t, d.Capabilities().BFloat16)
		}
		x := alloc(t, d, engine.Float32, []float32{1, 2, 3, 4}, 1, 2, 2, 1)
		w := alloc(t, d, engine.Float32, []float32{2}, 1, 1, 1, 1)
		y := alloc(t, d, engine.Float32, nil, 1, 2, 2, 1)
		k := compile(t, d, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}, y, x, w)
		require.NoError(t, d.Do(k.Run))
		assert.Equal(t, []float32{2, 4, 6, 8}, read(t, d, y))
	}
}

// cuDNN 9 has other numbers for the same refusals.
func TestRefusalsOfCUDNN9(t *testing.T) {
	onFakeLibraries(t)
	t.Setenv("SCALENET_FAKE_CUDNN", "90100")
	d := newDevice(t)
	how := map[string]string{
		"ConvBlock/k3s1p1d1g1/2x5x4x5-9+bias+norm+residual+relu": "cuDNN with bias and activation, algorithm 0",
		"ConvBlock/k3s1p1d1g1/2x5x4x5-9+bias+norm+residual":      "cuDNN with bias and activation, algorithm 1", // 0 has no identity
		"Conv2D/k3s2p2d2g1/2x8x9x3-5":                            "direct",
		"Conv2DGradWeight/k3s1p1d1g2/1x6x5x6-10":                 "direct",
	}
	for _, c := range optest.Cases() {
		if want := how[c.Name]; want != "" {
			got, err := tryCase(d, c)
			require.NoError(t, err, c.Name)
			assert.Equal(t, want, got, c.Name)
			delete(how, c.Name)
		}
	}
	assert.Empty(t, how)
}

// Values that a kernel cannot use come as an error with the next read, once; others are not touched.
func TestFaultsComeWithTheNextRead(t *testing.T) {
	d := newDevice(t)
	logits := alloc(t, d, engine.Float32, []float32{1, 2, 3, 4, 5, 6}, 3, 2)
	labels := alloc(t, d, engine.Int32, []int32{0, -1, 7}, 3)
	loss := alloc(t, d, engine.Float32, nil, 1)
	k := compile(t, d, nn.SoftmaxCrossEntropy{}, loss, logits, labels)
	require.NoError(t, d.Do(k.Run))
	assert.EqualError(t, d.Read(make([]float32, 1), loss.Mem), "cuda: read: label 7 of row 2: there are 2 classes")
	assert.InDelta(t, 1.3132617, read(t, d, loss)[0], 1e-6, "the other rows' loss")

	bytes, images := alloc(t, d, engine.UInt8, make([]uint8, 12), 12), alloc(t, d, engine.Float32, nil, 2, 2, 2, 3)
	for i, row := range [][]int32{{1, 2, 2, 2, 2, 0}, {0, 2, 2, 3, 2, 0}, {0, 2, 2, 2, 0, 0}, {-1, 1, 1, 1, 1, 0}, {0, 1 << 20, 1 << 20, 1, 1, 0}} {
		transforms := alloc(t, d, engine.Int32, append([]int32{0, 2, 2, 2, 2, 0}, row...), 2, nn.TransformRow)
		require.NoError(t, d.Do(compile(t, d, nn.Preprocess{Std: [3]float32{1, 1, 1}, Height: 2, Width: 2}, images, bytes, transforms).Run))
		assert.EqualError(t, d.Read(make([]float32, 24), images.Mem), "cuda: read: image 1 lies outside of its bytes or of its image", i)
		assert.Equal(t, make([]float32, 24), read(t, d, images))
	}

	nan := float32(0)
	nan /= nan
	features := alloc(t, d, engine.Float32, nil, 2, 8, 8, 3)
	y := alloc(t, d, engine.Float32, nil, 2, 2, 2, 3)
	for _, c := range []struct {
		rois []float32
		want string
	}{
		{[]float32{0, 0, 0, 9, 9, 2, 0, 0, 9, 9}, "region 1 is of image 2 of 2"},
		{[]float32{0, 0, nan, 9, 9, 1, 0, 0, 9, 9}, "region 0 has a corner that is not finite"},
	} {
		rois := alloc(t, d, engine.Float32, c.rois, 2, 5)
		align := nn.RoIAlign{Size: 2, Scale: 0.5}
		require.NoError(t, d.Do(compile(t, d, align, y, features, rois).Run))
		assert.ErrorContains(t, d.Read(make([]float32, 24), y.Mem), c.want)
		assert.Len(t, read(t, d, y), 24)
		require.NoError(t, d.Do(compile(t, d, nn.RoIAlignGrad{RoIAlign: align, Images: 2, Height: 8, Width: 8, Levels: 1}, features, y, rois).Run))
		assert.ErrorContains(t, d.Read(make([]float32, 24), y.Mem), c.want)
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	onFakeLibraries(t)
	d, other := newDevice(t), newDevice(t)
	double := alloc(t, d, engine.Float64, nil, 2)
	_, err := d.Kernel(nn.ReLU{}, []engine.Tensor{double}, double)
	assert.ErrorContains(t, err, "cuda: ReLU{} of [f64[2]] to f64[2]: features are f32, bf16 or f16, not f64")
	x := alloc(t, d, engine.Float32, []float32{-1, 2}, 2)
	foreign := alloc(t, other, engine.Float32, nil, 2)
	_, err = d.Kernel(nn.ReLU{}, []engine.Tensor{foreign}, x)
	assert.ErrorContains(t, err, "input 0: memory of cuda:0 on cuda:0")
	assert.ErrorContains(t, d.Write(x.Mem, []float32{1, 2, 3}), "cuda: write: 12 bytes for memory of 8")
	assert.ErrorContains(t, d.Update(engine.SGDUpdate{}, x.Mem, foreign.Mem, []engine.Memory{x.Mem}, 2), "memory of cuda:0 on cuda:0")
	_, err = d.Alloc(-1)
	assert.ErrorContains(t, err, "allocation of -1 bytes")

	t.Setenv("SCALENET_FAKE_MEMORY_MB", "128")
	_, err = d.Alloc(100 << 20)
	assert.ErrorContains(t, err, "cuda: no memory for 100 MB on GPU 0: ")
	assert.ErrorContains(t, err, " of its 128 MB are free")

	k := compile(t, d, nn.ReLU{}, x, x)
	t.Setenv("SCALENET_FAKE_FAIL", "cuLaunchKernel")
	assert.EqualError(t, d.Do(k.Run), "cuda: kernel relu_f32: the GPU failed (LaunchFailed): the program must be started anew")
	t.Setenv("SCALENET_FAKE_FAIL", "cuMemcpyDtoHAsync_v2")
	assert.ErrorContains(t, d.Read(make([]float32, 2), x.Mem), "cuda: read: the GPU failed (LaunchFailed)")
	t.Setenv("SCALENET_FAKE_FAIL", "cuMemcpyHtoDAsync_v2")
	assert.ErrorContains(t, d.Write(x.Mem, []float32{1}), "cuda: write: the GPU failed (LaunchFailed)")
	t.Setenv("SCALENET_FAKE_FAIL", "cublasGemmEx")
	linear := compile(t, d, nn.Linear{}, alloc(t, d, engine.Float32, nil, 1, 1), alloc(t, d, engine.Float32, nil, 1, 2), alloc(t, d, engine.Float32, nil, 1, 2))
	assert.EqualError(t, d.Do(linear.Run), "cuda: cublasGemmEx: error 13 of cuBLAS")
	t.Setenv("SCALENET_FAKE_FAIL", "")

	k.Close()
	assert.ErrorContains(t, d.Do(k.Run), "kernel used after it was closed")
	free, err := d.Alloc(4)
	require.NoError(t, err)
	d.Free(free)
	d.Free(free)
	assert.ErrorContains(t, d.Read(make([]float32, 1), free), "memory used after it was freed")
	assert.EqualError(t, describe(cu.InvalidValue), "error of the CUDA driver: InvalidValue")
	assert.Equal(t, "9.1.0", CUDNNVersion(90100))
}

func TestClosedDevice(t *testing.T) {
	d, err := New(Options{})
	require.NoError(t, err)
	require.NoError(t, d.Sync())
	require.NoError(t, d.Close())
	assert.ErrorIs(t, d.Close(), errClosed)
	assert.ErrorIs(t, d.Do(func() error { return nil }), errClosed)
}

// Transfers longer than the pinned buffers, and many of them, arrive in order.
func TestLongTransfers(t *testing.T) {
	d := newDevice(t)
	const n = 5 * bufferBytes / 8
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i % 8191)
	}
	x := alloc(t, d, engine.Float32, v, n)
	for i := range v {
		v[i] = -1 // the slice is the caller's again
	}
	got := read(t, d, x)
	for i, g := range got {
		if g != float32(i%8191) {
			t.Fatalf("value %d is %g", i, g)
		}
	}
	double := alloc(t, d, engine.Float64, []float64{1.5, -2}, 2)
	wide := make([]float64, 2)
	require.NoError(t, d.Read(wide, double.Mem))
	assert.Equal(t, []float64{1.5, -2}, wide)
}

// Kernels for one parameter share the packed weight, made anew once a change; those of a parameter that does not count changes don't.
func TestPackedWeightIsShared(t *testing.T) {
	d := newDevice(t)
	w := alloc(t, d, engine.Float32, []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, 1, 3, 3)
	x := alloc(t, d, engine.Float32, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}, 1, 3, 3, 1)
	y := alloc(t, d, engine.Float32, nil, 1, 1, 1, 1)
	op := nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}
	k, same := compile(t, d, op, y, x, w), compile(t, d, op, y, x, w)
	assert.Equal(t, 1, d.Packed())
	require.NoError(t, d.Do(k.Run))
	assert.Equal(t, []float32{45}, read(t, d, y))
	require.NoError(t, d.Write(w.Mem, []float32{2, 0, 0, 0, 0, 0, 0, 0, 0}))
	require.NoError(t, d.Do(same.Run))
	assert.Equal(t, []float32{45}, read(t, d, y), "a change that was not counted is not seen")
	*w.Version++
	require.NoError(t, d.Do(same.Run))
	assert.Equal(t, []float32{2}, read(t, d, y))
	uncounted := w
	uncounted.Version = nil
	require.NoError(t, d.Write(w.Mem, []float32{3, 0, 0, 0, 0, 0, 0, 0, 0}))
	require.NoError(t, d.Do(compile(t, d, op, y, x, uncounted).Run))
	assert.Equal(t, []float32{3}, read(t, d, y))
	k.Close()
	assert.Equal(t, 1, d.Packed())
	same.Close()
	assert.Equal(t, 0, d.Packed())
}
