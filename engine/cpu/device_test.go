package cpu

import (
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"scalenet/engine"
	"scalenet/nn"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// alloc makes a tensor that counts its changes; float32 values are set.
func alloc(t testing.TB, d *Device, typ engine.DType, values []float32, shape ...int) engine.Tensor {
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

// ramp is n values that differ.
func ramp(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i*7919%1009)/1009 - 0.4
	}
	return v
}

func compile(t testing.TB, d *Device, op nn.Op, out engine.Tensor, in ...engine.Tensor) engine.Kernel {
	t.Helper()
	k, err := d.Kernel(op, in, out)
	require.NoError(t, err)
	return k
}

func run(t testing.TB, d *Device, k engine.Kernel) {
	t.Helper()
	require.NoError(t, d.Do(k.Run))
}

func read(t testing.TB, d *Device, x engine.Tensor) []float32 {
	t.Helper()
	v := make([]float32, x.Shape.TotalSize())
	require.NoError(t, d.Read(v, x.Mem))
	return v
}

// Plans for two image sizes share a packed weight, which is packed once a
// change and freed with the last of them.
func TestPackedWeightIsShared(t *testing.T) {
	d := newDevice(t, 2)
	conv := engine.ConvBlock{Conv2D: nn.Conv2D{Stride: 1, Pad: 1, Dilation: 1, Groups: 1}}
	w := alloc(t, d, engine.Float32, ramp(64*64*9), 64, 64, 3, 3)
	var kernels []engine.Kernel
	var outs []engine.Tensor
	for _, side := range []int{32, 48} {
		x := alloc(t, d, engine.Float32, ramp(side*side*64), 1, side, side, 64)
		y := alloc(t, d, engine.Float32, nil, 1, side, side, 64)
		kernels, outs = append(kernels, compile(t, d, conv, y, x, w)), append(outs, y)
	}
	assert.Equal(t, 1, d.Packed())
	run(t, d, kernels[0])
	run(t, d, kernels[1])
	before := read(t, d, outs[1])

	require.NoError(t, d.Write(w.Mem, make([]float32, 64*64*9)))
	run(t, d, kernels[0])
	assert.NotZero(t, read(t, d, outs[0])[5], "a change that was not counted is not seen")
	*w.Version++
	run(t, d, kernels[0])
	run(t, d, kernels[1])
	for i, y := range outs {
		assert.Zero(t, read(t, d, y)[5], "kernel %d", i)
	}
	assert.NotZero(t, before[5])

	kernels[0].Close()
	assert.Equal(t, 1, d.Packed())
	kernels[1].Close()
	assert.Equal(t, 0, d.Packed())
	assert.Error(t, d.Do(kernels[1].Run), "a closed kernel")
}

// A square weight and its transpose, for the gradient, are two packed weights.
func TestTransposedWeightIsNotShared(t *testing.T) {
	d := newDevice(t, 1)
	conv := nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}
	w := alloc(t, d, engine.Float32, []float32{0, 1, 0, 0}, 2, 2, 1, 1) // y0 = x1
	x := alloc(t, d, engine.Float32, []float32{3, 5}, 1, 1, 1, 2)
	y := alloc(t, d, engine.Float32, nil, 1, 1, 1, 2)
	forward := compile(t, d, conv, y, x, w)
	defer forward.Close()
	run(t, d, forward)
	assert.Equal(t, []float32{5, 0}, read(t, d, y))
	back := compile(t, d, nn.Conv2DGradInput{Conv2D: conv, Height: 1, Width: 1}, y, x, w)
	defer back.Close()
	run(t, d, back)
	assert.Equal(t, []float32{0, 3}, read(t, d, y))
}

// Loops give the same bits with any number of threads.
func TestThreadsDoNotChangeLoops(t *testing.T) {
	const n, h, w, c = 3, 37, 41, 70
	results := map[int][][]float32{}
	for _, threads := range []int{1, 2, 3} {
		d := newDevice(t, threads)
		x := alloc(t, d, engine.Float32, ramp(n*h*w*c), n, h, w, c)
		dy := alloc(t, d, engine.Float32, ramp(n*18*20*c), n, 18, 20, c)
		pool := nn.MaxPool2D{Kernel: 3, Stride: 2}
		for _, l := range []struct {
			op  nn.Op
			in  []engine.Tensor
			out []int
		}{
			{nn.Moments2D{}, []engine.Tensor{x}, []int{2, c}},
			{nn.BiasGrad{}, []engine.Tensor{x}, []int{c}},
			{nn.MaxPool2DGrad{MaxPool2D: pool}, []engine.Tensor{x, dy}, []int{n, h, w, c}},
		} {
			out := alloc(t, d, engine.Float32, nil, l.out...)
			k := compile(t, d, l.op, out, l.in...)
			run(t, d, k)
			results[threads] = append(results[threads], read(t, d, out))
			k.Close()
		}
	}
	assert.Equal(t, results[1], results[2])
	assert.Equal(t, results[1], results[3])
}

func TestTwoDevicesAtOnce(t *testing.T) {
	var group sync.WaitGroup
	results := make([][]float32, 2)
	for i := range results {
		d := newDevice(t, 2)
		x := alloc(t, d, engine.Float32, ramp(14*14*64), 1, 14, 14, 64)
		w := alloc(t, d, engine.Float32, ramp(32*64), 32, 64, 1, 1)
		y := alloc(t, d, engine.Float32, nil, 1, 14, 14, 32)
		k := compile(t, d, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}, y, x, w)
		group.Go(func() {
			for range 50 {
				assert.NoError(t, d.Do(k.Run))
			}
			results[i] = read(t, d, y)
			k.Close()
		})
	}
	group.Wait()
	assert.Equal(t, results[0], results[1])
}

func TestKernelsAndMemoryAreFreed(t *testing.T) {
	d := newDevice(t, 1)
	make1 := func() {
		x := alloc(t, d, engine.Float32, nil, 1, 20, 20, 32)
		m, err := d.Alloc(4 << 20)
		require.NoError(t, err)
		require.NoError(t, d.Write(m, make([]float32, 1<<20)))
		defer d.Free(m)
		w := engine.Tensor{Desc: engine.Desc{Shape: nn.Shape{512, 32, 8, 8}, Type: engine.Float32}, Mem: m}
		y := alloc(t, d, engine.Float32, nil, 1, 13, 13, 512)
		k := compile(t, d, nn.Conv2D{Stride: 1, Dilation: 1, Groups: 1}, y, x, w)
		run(t, d, k)
		k.Close()
	}
	make1()
	before := residentMB(t)
	for range 30 {
		make1()
	}
	assert.Less(t, residentMB(t)-before, 60, "30 kernels with 4 MB of weights, twice")
}

// residentMB is the memory that the process occupies.
func residentMB(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc")
	}
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	kb := 0
	for _, c := range strings.TrimSpace(line) {
		if c < '0' || c > '9' {
			break
		}
		kb = 10*kb + int(c-'0')
	}
	return kb >> 10
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	d := newDevice(t, 1)
	f := func(shape ...int) engine.Tensor { return alloc(t, d, engine.Float32, nil, shape...) }
	double := alloc(t, d, engine.Float64, nil, 2)
	_, err := d.Kernel(nn.ReLU{}, []engine.Tensor{double}, double)
	assert.ErrorContains(t, err, "cpu: ReLU{} of [f64[2]] to f64[2]: features are f32 or bf16, not f64")

	labels := alloc(t, d, engine.Int32, nil, 3)
	require.NoError(t, d.Write(labels.Mem, []int32{0, -1, 4}))
	k := compile(t, d, nn.SoftmaxCrossEntropy{}, f(1), f(3, 4), labels)
	assert.ErrorContains(t, d.Do(k.Run), "label 4 of row 2: there are 4 classes")
	k.Close()

	rois := alloc(t, d, engine.Float32, []float32{0, 0, 0, 9, 9, 2, 0, 0, 9, 9}, 2, 5)
	k = compile(t, d, nn.RoIAlign{Size: 2, Scale: 0.5}, f(2, 2, 2, 3), f(2, 8, 8, 3), rois)
	assert.ErrorContains(t, d.Do(k.Run), "region 1 is of image 2 of 2")
	k.Close()

	_, err = New(Options{Threads: -1})
	assert.ErrorContains(t, err, "Options.Threads is -1: want 0")
	closed, err := New(Options{Threads: 1})
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	assert.ErrorIs(t, closed.Do(func() error { return nil }), errClosed)
	assert.ErrorIs(t, closed.Close(), errClosed)
}

// Do within Do, and kernels compiled there, do not wait for themselves.
func TestDoWithinDo(t *testing.T) {
	d := newDevice(t, 1)
	x := alloc(t, d, engine.Float32, []float32{-1, 2}, 2)
	require.NoError(t, d.Do(func() error {
		k, err := d.Kernel(nn.ReLU{}, []engine.Tensor{x}, x)
		if err != nil {
			return err
		}
		defer k.Close()
		return d.Do(k.Run)
	}))
	assert.Equal(t, []float32{0, 2}, read(t, d, x))
}

// libgomp sees our spin count, and the environment is as it was.
func TestSpinCount(t *testing.T) {
	if os.Getenv("SCALENET_PRINT_PATH") != "" {
		os.Stdout.WriteString(os.Getenv("PATH") + "|" + os.Getenv("_"))
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	start := func(env ...string) string {
		cmd := exec.Command(self, "-test.run=^TestSpinCount$")
		cmd.Env = append([]string{"PATH=/bin:/usr/bin", "_=me", "OMP_DISPLAY_ENV=verbose", "SCALENET_PRINT_PATH=1",
			"LD_LIBRARY_PATH=" + os.Getenv("LD_LIBRARY_PATH")}, env...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	assert.Contains(t, start(), "GOMP_SPINCOUNT = '5000'")
	assert.Contains(t, start(), "/bin:/usr/bin|me")
	assert.Contains(t, start("GOMP_SPINCOUNT=77"), "GOMP_SPINCOUNT = '77'")
}
