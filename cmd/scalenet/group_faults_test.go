package main

import (
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"scalenet/collective"
	"scalenet/train"
)

// A corrupt image of one process ends all, with a line that names rank and host, and the last save is whole. Without --threads each process has its share of
// the processors.
func TestFaultTogether(t *testing.T) {
	data, out := colourImages(t), filepath.Join(t.TempDir(), "run")
	args := append([]string{"classify", "train", "--data", data, "--out", out}, tinyBackbone...)
	args = withoutEpochs(replaced(args, "--set", "batch=1", "--set", "train.accumulate=2"))
	status, text := mpirun(t, 2, append(args, "--epochs", "1")...)
	require.Zero(t, status, text)
	begun, err := train.ReadBegun(out)
	require.NoError(t, err)
	require.Equal(t, max(1, runtime.NumCPU()/2), begun.Threads)
	saved := contents(t, out)
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.CopyFS(broken, os.DirFS(data)))
	images, err := filepath.Glob(filepath.Join(broken, "train", "*", "*"))
	require.NoError(t, err)
	for _, image := range images {
		require.NoError(t, os.WriteFile(image, []byte("no image"), 0o644))
	}
	args = append(args, "--epochs", "2", "--resume")
	status, text = mpiruns(t, args, replaced(args, "--data", broken))
	require.Equal(t, 1, status, text)
	require.Regexp(t, `(?m)^scalenet: rank 1 on .*: .*\.png: `, text)
	require.Equal(t, saved["state.safetensors"], contents(t, out)["state.safetensors"])
}

// What the processes must have in common is compared at the start. A difference names the fact, the rank and its host.
func TestDifferencesAreNamed(t *testing.T) {
	common := map[string]string{"the program": "ab12", "the configuration": "lr: 1\nbatch: 2", "the training data": "cd34", "a processor with": "avx512", "threads": "1"}
	for name, other := range map[string]string{"": "", "the program": "ef56", "the configuration": "lr: 2\nbatch: 2", "the training data": "0", "a processor with": "avx2", "threads": "2"} {
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for rank, g := range collective.NewLocal(3, collective.Options{Limit: time.Minute}) {
			facts := maps.Clone(common)
			if rank == 2 && name != "" {
				facts[name] = other
			}
			wg.Go(func() { errs[rank] = group{g}.same(facts) })
		}
		wg.Wait()
		for _, err := range errs {
			if name == "" {
				require.NoError(t, err)
				continue
			}
			require.ErrorContains(t, err, "rank 2 on ")
			require.ErrorContains(t, err, " has "+name+" ")
			require.ErrorContains(t, err, "all processes need the same")
		}
	}
}
