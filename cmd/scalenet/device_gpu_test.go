//go:build gpu

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/collective"
	"scalenet/server"
)

// A model is trained on the GPU, or the fake CUDA libraries, and finds the same there as on the processor.
func TestDevice(t *testing.T) {
	t.Run("cuda", func(t *testing.T) {
		_, args := tinyRun(t)
		out := args[len(args)-3]
		status, _, stderr := scalenet(append(args, "--device", "cuda", "--set", "train.epochs=1", "--set", "roi.detections.score=0.01")...)
		require.Zero(t, status, stderr)
		type result struct {
			Box   []float64 `json:"bbox"`
			Score float64   `json:"score"`
		}
		found := map[string][]result{}
		for _, device := range []string{"cpu", "cuda:0"} {
			file := filepath.Join(t.TempDir(), "results.json")
			status, _, stderr := scalenet("eval", "--model", filepath.Join(out, "last.safetensors"), "--data", instancesFile, "--images", imagesDir,
				"--results", file, "--device", device)
			require.Zero(t, status, stderr)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var results []result
			require.NoError(t, json.Unmarshal(text, &results))
			found[device] = results
		}
		require.NotEmpty(t, found["cpu"])
		require.Len(t, found["cuda:0"], len(found["cpu"]))
		for i, want := range found["cpu"] {
			got := found["cuda:0"][i]
			require.InDelta(t, want.Score, got.Score, 1e-3)
			require.InDeltaSlice(t, want.Box, got.Box, 0.5)
		}
		served := map[string]server.ImageDetections{}
		for _, device := range []string{"cpu", "cuda:0"} {
			address, end := announced(t, "--model", filepath.Join(out, "last.safetensors"), "--device", device)
			for range 3 { // a plan is recorded in its second run
				image, err := os.Open(filepath.Join(imagesDir, "BloodImage_00143.png"))
				require.NoError(t, err)
				answer, err := http.Post(address+"/detect?threshold=0.01&max=7", "image/png", image)
				require.NoError(t, err)
				var p server.ImageDetections
				require.NoError(t, json.NewDecoder(answer.Body).Decode(&p))
				answer.Body.Close()
				require.Equal(t, http.StatusOK, answer.StatusCode)
				served[device] = p
			}
			status, log := end()
			require.Zero(t, status, log)
		}
		require.Len(t, served["cpu"].Detections, 7)
		require.Len(t, served["cuda:0"].Detections, 7)
		for i, want := range served["cpu"].Detections {
			got := served["cuda:0"].Detections[i]
			require.InDelta(t, want.Score, got.Score, 1e-3)
			require.InDelta(t, want.Box.X1, got.Box.X1, 0.5)
			require.InDelta(t, want.Box.Y2, got.Box.Y2, 0.5)
		}
		for _, precision := range []string{"bfloat16", "float16"} {
			status, stdout, stderr := scalenet("eval", "--model", filepath.Join(out, "last.safetensors"), "--data", instancesFile, "--images", imagesDir,
				"--json", "--device", "cuda", "--precision", precision)
			require.Zero(t, status, stderr)
			require.Contains(t, stdout, "per_class", precision)
		}
		status, stdout, stderr := scalenet("doctor")
		require.Zero(t, status, stderr)
		require.Contains(t, stdout, "compute capability")
		require.Regexp(t, `NCCL +(2\.[0-9]+\.[0-9]+ \(.*\.so.*\)|not found \(needed for several GPUs only\): )`, stdout)
		gauges := (&deviceOptions{name: "cuda"}).gauges()
		for _, g := range gauges {
			require.GreaterOrEqual(t, g.Value(), 0.0, g.Name)
		}
		require.GreaterOrEqual(t, len(gauges), 2, "its memory, and how busy it is where NVML tells")
		require.Empty(t, (&deviceOptions{name: "cpu"}).gauges())
	})
}

// A classifier is trained on the GPU as on the processor, the light of its images changed too, and gives the same probabilities there.
func TestDeviceClassifies(t *testing.T) {
	t.Run("cuda", func(t *testing.T) {
		data := colourImages(t)
		losses := map[string][]float64{}
		var model string
		for _, device := range []string{"cpu", "cuda"} {
			out := filepath.Join(t.TempDir(), device)
			args := append([]string{"classify", "train", "--data", data, "--out", out, "--device", device}, tinyBackbone...)
			status, _, stderr := scalenet(replaced(args, "--set", "train.epochs=2", "--set", "train.log_steps=1",
				"--set", "augment.lighting=0.5", "--set", "augment.brightness=0.4")...)
			require.Zero(t, status, stderr)
			log, err := os.ReadFile(filepath.Join(out, "log.jsonl"))
			require.NoError(t, err)
			for line := range strings.Lines(string(log)) {
				var step struct{ Loss float64 }
				require.NoError(t, json.Unmarshal([]byte(line), &step))
				losses[device] = append(losses[device], step.Loss)
			}
			model = filepath.Join(out, "last.safetensors")
		}
		require.Len(t, losses["cpu"], 2*(4+1), "steps and evaluations")
		require.InDeltaSlice(t, losses["cpu"], losses["cuda"], 1e-3)
		answers := map[string][]classifiedImage{}
		for _, device := range []string{"cpu", "cuda"} {
			status, stdout, stderr := scalenet("classify", "predict", "--model", model, "--json", "--device", device, filepath.Join(data, "val"))
			require.Zero(t, status, stderr)
			for line := range strings.Lines(stdout) {
				var p classifiedImage
				require.NoError(t, json.Unmarshal([]byte(line), &p))
				answers[device] = append(answers[device], p)
			}
			status, stdout, stderr = scalenet("classify", "eval", "--model", model, "--data", data, "--json", "--batch", "3", "--device", device)
			require.Zero(t, status, stderr)
			require.Contains(t, stdout, `"images":8`)
		}
		require.Len(t, answers["cuda"], 8)
		for i, want := range answers["cpu"] {
			for k, p := range want.Predictions {
				got := answers["cuda"][i].Predictions[k]
				require.Equal(t, p.Class, got.Class)
				require.InDelta(t, p.Probability, got.Probability, 1e-3)
			}
		}
	})
}

// A training that the GPU has no memory for ends before it begins.
func TestDeviceTooSmall(t *testing.T) {
	t.Run("cuda", func(t *testing.T) {
		_, args := tinyRun(t)
		status, _, stderr := scalenet(append(args, "--device", "cuda", "--set", "batch=65536", "--set", "input.shorter=[640]", "--set", "input.longest=1280")...)
		requireError(t, status, stderr, "training on batches of 65536 images, padded to 1024x864, on cuda needs at least ", " GiB of memory, but only ", "train.accumulate")
	})
}

// Each of several processes takes the GPU of its local rank, unless --device has a number.
func TestDeviceOfLocalRank(t *testing.T) {
	t.Setenv("SCALENET_FAKE_DEVICES", "3")
	for name, want := range map[string][]string{"cuda": {"cuda:0", "cuda:1", "cuda:2"}, "cuda:1": {"cuda:1", "cuda:1", "cuda:1"}, "cpu": {"cpu", "cpu", "cpu"}} {
		for rank, g := range collective.NewLocal(3, collective.Options{}) {
			device := deviceOptions{name: name}
			require.NoError(t, device.takeOwn(g))
			require.Equal(t, want[rank], device.name)
		}
	}
	alone := deviceOptions{name: "cuda"}
	require.NoError(t, alone.takeOwn(collective.NewLocal(1, collective.Options{})[0]))
	require.Equal(t, "cuda", alone.name)
	for _, g := range collective.NewLocal(4, collective.Options{}) {
		device := deviceOptions{name: "cuda"}
		require.ErrorContains(t, device.takeOwn(g), "--device cuda: 4 processes on "+g.Host()+" and 3 GPUs, and each process needs one: ")
	}
	status, text := mpirun(t, 4, "classify", "eval", "--model", "none", "--data", "none", "--device", "cuda")
	require.Equal(t, 1, status, text)
	require.Contains(t, text, "4 processes on ")
}

// fakeGPUs makes a test see a number of fake GPUs, and skips it on real ones.
func fakeGPUs(t *testing.T, n int) {
	t.Helper()
	gpus, err := countGPUs()
	require.NoError(t, err)
	if gpus < n {
		t.Setenv("SCALENET_FAKE_DEVICES", fmt.Sprint(n))
		if gpus, err = countGPUs(); err != nil || gpus < n {
			t.Skipf("fewer than %d GPUs, and not on the fake CUDA libraries", n)
		}
	}
}

// withoutNCCL takes NCCL away from the fake CUDA libraries.
func withoutNCCL(t *testing.T) {
	t.Helper()
	libraries, without := os.Getenv("LD_LIBRARY_PATH"), t.TempDir()
	for _, name := range []string{"libcuda.so.1", "libcudnn.so.8", "libcublas.so.12"} {
		require.NoError(t, os.Symlink(filepath.Join(libraries, name), filepath.Join(without, name)))
	}
	t.Setenv("LD_LIBRARY_PATH", without)
}

// Processes with a GPU each train to the same bits as one, through NCCL, and without NCCL by way of the host.
func TestTrainTogetherOnGPUs(t *testing.T) {
	t.Run("cuda", func(t *testing.T) {
		fakeGPUs(t, 4)
		dir, data := t.TempDir(), colourImages(t)
		with := func(out string) []string {
			args := append([]string{"classify", "train", "--data", data, "--out", filepath.Join(dir, out)}, tinyBackbone...)
			return append(replaced(args, "--set", "batch=1", "--set", "train.accumulate=4"), "--device", "cuda")
		}
		state := func(out string) string { return contents(t, filepath.Join(dir, out))["state.safetensors"] }
		status, _, stderr := scalenet(with("alone")...)
		require.Zero(t, status, stderr)
		for _, n := range []int{2, 3, 4} {
			out := fmt.Sprint(n)
			status, text := mpirun(t, n, with(out)...)
			require.Zero(t, status, text)
			require.NotContains(t, text, "by way of the host")
			require.True(t, state("alone") == state(out), "the state of %d processes", n)
		}
		for n := 1; n <= 3; n++ {
			status, text := mpirun(t, n, append(with(fmt.Sprint("wire", n)), "--set", "train.wire=bfloat16")...)
			require.Zero(t, status, text)
			require.True(t, state("wire1") == state(fmt.Sprint("wire", n)), "the state of %d processes with gradients in bfloat16", n)
		}
		require.False(t, state("alone") == state("wire1"), "rounding makes a difference")
		withoutNCCL(t)
		status, text := mpirun(t, 2, with("host")...)
		require.Zero(t, status, text)
		require.Regexp(t, "gradients are exchanged by way of the host: rank 0 on .*: cuda: no NCCL on this machine \\(libnccl.so.2: ", text)
		require.Equal(t, 1, strings.Count(text, "by way of the host"), text)
		require.True(t, state("alone") == state("host"), "the state by way of the host")
	})
}

// So do those that train a detector, and one resumes what several began.
func TestDetectorTogetherOnGPUs(t *testing.T) {
	t.Run("cuda", func(t *testing.T) {
		fakeGPUs(t, 3)
		dir := t.TempDir()
		for name, yaml := range map[string]string{"C4": tinyConfig, "pyramid": tinyPyramid} {
			_, args := tinyRun(t)
			args = replaced(args, "--config", write(t, filepath.Join(dir, name+".yaml"), yaml), "--set", "batch=1", "--set", "train.accumulate=3", "--set", "train.log_steps=1", "--device", "cuda")
			with := func(out, epochs string) []string {
				return append(slices.Clone(args), "--out", filepath.Join(dir, name+out), "--epochs", epochs)
			}
			same := func(t *testing.T, out string, files ...string) {
				t.Helper()
				want, got := contents(t, filepath.Join(dir, name+"alone")), contents(t, filepath.Join(dir, name+out))
				for _, file := range append(files, "state.safetensors", "last.safetensors", "eval.csv") {
					require.True(t, want[file] == got[file], "%s of %s%s", file, name, out)
				}
			}
			status, _, stderr := scalenet(with("alone", "2")...)
			require.Zero(t, status, stderr)
			status, text := mpirun(t, 3, with("3", "2")...)
			require.Zero(t, status, text)
			require.NotContains(t, text, "by way of the host")
			same(t, "3", "best.safetensors")
			t.Run(name+" without NCCL", func(t *testing.T) {
				withoutNCCL(t)
				status, text := mpirun(t, 2, with("host", "1")...)
				require.Zero(t, status, text)
				require.Contains(t, text, "by way of the host")
				status, _, stderr := scalenet(append(with("host", "2"), "--resume")...)
				require.Zero(t, status, stderr)
				same(t, "host") // best.safetensors may be of the first epoch, and has the epochs of that run
			})
		}
	})
}
