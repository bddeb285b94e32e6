//go:build gpu

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"scalenet/engine"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is missing or too old is said in one line.
func TestWhatIsMissingIsSaid(t *testing.T) {
	onFakeLibraries(t)
	for _, c := range []struct{ want, set, to string }{
		{"cuda: the NVIDIA driver is for CUDA 10.2, 11.0 is needed: install a newer driver", "DRIVER", "10020"},
		{"cuda: cuDNN is 7.6.5, 8.0.0 is needed: install a newer one", "CUDNN", "7605"},
		{"cuda: no GPU 0: this machine has 0, numbered from 0", "DEVICES", "0"},
		{"cuda: GPU 0 (fake CUDA) has compute capability 6.1, 7.0 is needed", "CAPABILITY", "61"},
		{"cuda: GPU 0 (fake CUDA) gives no context: the GPU is out of memory", "FAIL", "cuDevicePrimaryCtxRetain"},
		{"cuda: no memory for 32 MB on GPU 0: ", "MEMORY_MB", "16"},
		{"cuda: cudnnCreate: ", "FAIL", "cudnnCreate"},
		{"cuda: cublasCreate_v2: error 3 of cuBLAS", "FAIL", "cublasCreate_v2"},
		{"cuda: no pinned memory of 8 MB: ", "FAIL", "cuMemAllocHost_v2"},
		{"cuda: the driver does not compile the kernels for compute capability 8.0", "FAIL", "cuModuleLoadData"},
	} {
		t.Run(c.set+"="+c.to, func(t *testing.T) {
			t.Setenv("SCALENET_FAKE_"+c.set, c.to)
			_, err := New(Options{})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := New(Options{Ordinal: 2})
	require.EqualError(t, err, "cuda: no GPU 2: this machine has 1, numbered from 0")
}

// A driver that is not there, or finds no GPU, and NVML that is not there or does not start: processes of their own, since libraries are
// found once.
func TestNoDriver(t *testing.T) {
	switch os.Getenv("SCALENET_OPEN") {
	case "device":
		_, err := New(Options{})
		os.Stdout.WriteString("<" + err.Error() + ">")
		return
	case "utilization":
		_, err := Utilization(0)
		os.Stdout.WriteString("<" + err.Error() + ">")
		return
	}
	onFakeLibraries(t)
	self, err := os.Executable()
	require.NoError(t, err)
	libraries := os.Getenv("LD_LIBRARY_PATH")
	withoutNVML := t.TempDir()
	for _, name := range []string{"libcuda.so.1", "libcudnn.so.8"} {
		found, err := filepath.Abs(filepath.Join(libraries, name))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(found, filepath.Join(withoutNVML, name)))
	}
	for want, env := range map[string][]string{
		"<cuda: no NVIDIA driver on this machine (libcuda.so.1: ":                   {"SCALENET_OPEN=device", "LD_LIBRARY_PATH="},
		"<cuda: the NVIDIA driver finds no GPU>":                                    {"SCALENET_OPEN=device", "LD_LIBRARY_PATH=" + libraries, "SCALENET_FAKE_NO_DEVICE=1"},
		"<cuda: utilisation of GPU 0: no NVML on this machine (libnvidia-ml.so.1: ": {"SCALENET_OPEN=utilization", "LD_LIBRARY_PATH=" + withoutNVML},
		"<cuda: utilisation of GPU 0: nvmlInit: Unknown Error>":                     {"SCALENET_OPEN=utilization", "LD_LIBRARY_PATH=" + libraries, "SCALENET_FAKE_FAIL=nvmlInit_v2"},
	} {
		child := exec.Command(self, "-test.run=^TestNoDriver$")
		child.Env = env
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), want)
	}
}

func TestMemory(t *testing.T) {
	d := newDevice(t)
	before, err := Memory(0)
	require.NoError(t, err)
	x := alloc(t, d, engine.Float32, nil, 1<<20)
	after, err := Memory(0)
	require.NoError(t, err)
	assert.Equal(t, before.Total, after.Total)
	assert.GreaterOrEqual(t, before.Free-after.Free, int64(x.Bytes()))
	_, err = Memory(99)
	assert.ErrorContains(t, err, "cuda: no GPU 99")
	onFakeLibraries(t)
	for _, call := range []string{"cuDevicePrimaryCtxRetain", "cuCtxSetCurrent:1", "cuMemGetInfo_v2"} {
		t.Setenv("SCALENET_FAKE_FAIL", call)
		_, err = Memory(0)
		assert.Error(t, err, call)
	}
}

// What NVML knows is told, whose number it has; what it does not is an error that says why.
func TestUtilization(t *testing.T) {
	onFakeLibraries(t)
	t.Setenv("SCALENET_FAKE_UTILIZATION", "62")
	share, err := Utilization(0)
	require.NoError(t, err)
	assert.Equal(t, 0.62, share)
	_, err = Utilization(7)
	assert.EqualError(t, err, "cuda: no GPU 7: this machine has 1, numbered from 0")
	for call, want := range map[string]string{
		"cuDeviceGetPCIBusId":              "cuDeviceGetPCIBusId: error 101 of the CUDA driver",
		"nvmlDeviceGetHandleByPciBusId_v2": "nvmlDeviceGetHandleByPciBusId: Not Found",
		"nvmlDeviceGetUtilizationRates":    "nvmlDeviceGetUtilizationRates: Not Supported",
	} {
		t.Setenv("SCALENET_FAKE_FAIL", call)
		_, err := Utilization(0)
		assert.EqualError(t, err, "cuda: utilisation of GPU 0: "+want)
	}
}
