package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// withThreads returns the commands of a tree that have --threads.
func withThreads(c *cobra.Command) (found []*cobra.Command) {
	if c.Flags().Lookup("threads") != nil {
		found = append(found, c)
	}
	for _, sub := range c.Commands() {
		found = append(found, withThreads(sub)...)
	}
	return found
}

// Every command that has --threads refuses what no processor has, before it does anything.
func TestThreadsOfEveryCommand(t *testing.T) {
	commands := withThreads(newRootCommand())
	require.Greater(t, len(commands), 8)
	for _, c := range commands {
		for _, n := range []string{"-1", "1025", "1000000", "99999999999", "100000000000000"} {
			require.NoError(t, c.Flags().Set("threads", n))
			require.NotNil(t, c.PreRunE, c.CommandPath())
			require.EqualError(t, c.PreRunE(c, nil), fmt.Sprintf("--threads %s: want 0 (one per core) to 1024", n), c.CommandPath())
		}
		for _, n := range []string{"0", "1", "1024"} {
			require.NoError(t, c.Flags().Set("threads", n))
			require.NoError(t, c.PreRunE(c, nil), c.CommandPath())
		}
	}
}

// A number out of range is an error that names the flag and the value, before anything is read: none of these files exists.
func TestNumbersOutOfRange(t *testing.T) {
	const huge = "9223372036854775807"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"eval", "--model", "none", "--data", "none", "--threads", "1000000"}, "--threads 1000000: want 0 (one per core) to 1024"},
		{[]string{"eval", "--model", "none", "--data", "none", "--threads", "-1"}, "--threads -1: want 0 (one per core) to 1024"},
		{[]string{"bench", "--list", "--threads", "-1"}, "--threads -1: want 0 (one per core) to 1024"},
		{[]string{"classify", "eval", "--model", "none", "--data", "none", "--batch", "0"}, "--batch 0: want 1 to 65536"},
		{[]string{"classify", "eval", "--model", "none", "--data", "none", "--batch", "65537"}, "--batch 65537: want 1 to 65536"},
		{[]string{"classify", "eval", "--model", "none", "--data", "none", "--batch", huge}, "--batch " + huge + ": want 1 to 65536"},
		{[]string{"summary", "--classes", "0"}, "--classes 0: want 1 to 1000000"},
		{[]string{"summary", "--classes", huge}, "--classes " + huge + ": want 1 to 1000000"},
		{[]string{"summary", "--model", "cifar_scalenet38", "--size", "1"}, "--size 1: want at least 16 for cifar_scalenet38"},
		{[]string{"summary", "--model", "resnet50", "--size", "0"}, `--size: size "0": want SIZE or HEIGHTxWIDTH, each from 1 to 65536`},
		{[]string{"summary", "--model", "scalenet50", "--size", "300x16"}, "--size 300x16: want at least 128 for scalenet50"},
		{[]string{"allocate", "--even", "--model", "cifar_scalenet38", "--size", "-1"}, "--size -1: want 16 to 8192 for cifar_scalenet38"},
		{[]string{"allocate", "--even", "--model", "cifar_scalenet38", "--size", "0"}, "--size 0: want 16 to 8192 for cifar_scalenet38"},
		{[]string{"allocate", "--even", "--model", "cifar_scalenet38", "--size", "65536"}, "--size 65536: want 16 to 8192 for cifar_scalenet38"},
		{[]string{"allocate", "--even", "--model", "cifar_scalenet38", "--size", huge}, "--size " + huge + ": want 16 to 8192 for cifar_scalenet38"},
		{[]string{"allocate", "seed", "--out", "none.json", "--model", "scalenet50", "--size", "1"}, "--size 1: want 224 to 32768 for scalenet50"},
		{[]string{"data", "view", "none", "--out", "none.png", "--rows", "0"}, "--rows 0: want 1 to 100"},
		{[]string{"data", "view", "none", "--out", "none.png", "--rows", "101"}, "--rows 101: want 1 to 100"},
		{[]string{"data", "view", "none", "--out", "none.png", "--columns", "0"}, "--columns 0: want 1 to 100"},
		{[]string{"data", "view", "none", "--out", "none.png", "--columns", "-1"}, "--columns -1: want 1 to 100"},
		{[]string{"data", "view", "none", "--out", "none.png", "--width", "0"}, "--width 0: want 40 to 4000"},
	} {
		t.Run(fmt.Sprint(c.args), func(t *testing.T) {
			status, stdout, stderr := scalenet(c.args...)
			require.Empty(t, stdout)
			require.Equal(t, "scalenet: "+c.want+"\n", stderr)
			require.Equal(t, 1, status)
		})
	}
}

// A training that cannot be, or whose best model no evaluation would find, is refused before it has a folder.
func TestTrainingsOutOfRange(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	detector := append([]string{"train", "--images", imagesDir, "--data", instancesFile, "--out", out}, tinySettings...)
	classifier := append([]string{"classify", "train", "--data", colourImages(t), "--out", out}, tinyBackbone...)
	search := []string{"classify", "search", "--data", "none", "--preset", "cifar", "--out", out}
	const huge = "9223372036854775807"
	for _, c := range []struct {
		args []string
		want string
	}{
		{replaced(detector, "--set", "train.accumulate="+huge), "train.accumulate = " + huge + ": must be from 1 to 65536"},
		{replaced(detector, "--set", "train.accumulate=1152921504606846976", "--print-config"), "train.accumulate = 1152921504606846976: must be from 1 to 65536"},
		{replaced(detector, "--epochs", huge), "train.epochs = " + huge + ": must be from 1 to 1000000"},
		{replaced(detector, "--epochs", "2305843009213693952", "--print-config"), "train.epochs = 2305843009213693952: must be from 1 to 1000000"},
		{replaced(classifier, "--set", "train.accumulate="+huge), "train.accumulate = " + huge + ": must be from 1 to 65536"},
		{append(search, "--set", "train.epochs="+huge), "train.epochs = " + huge + ": must be from 1 to 1000000"},
		{replaced(detector, "--preset", "fpn_small", "--set", "train.best=zzz"), "train.best = zzz: must be AP, AP50"},
		{replaced(detector, "--preset", "fpn_small", "--print-config", "--set", "train.best=AP51"), "train.best = AP51: must be AP, AP50"},
		{replaced(classifier, "--set", "train.best=zzz"), "train.best = zzz: must be top1 or top5"},
		{append(search, "--set", "train.best=AP"), "train.best = AP: must be top1 or top5"},
	} {
		t.Run(fmt.Sprint(c.args[0], c.args[len(c.args)-2:]), func(t *testing.T) {
			status, stdout, stderr := scalenet(c.args...)
			requireError(t, status, stderr, c.want)
			require.Empty(t, stdout)
			require.NoDirExists(t, out)
		})
	}
}

// No memory is taken for more images in a batch than there are.
func TestBatchOfMoreThanThereAre(t *testing.T) {
	data, run := colourImages(t), filepath.Join(t.TempDir(), "run")
	status, _, stderr := scalenet(append([]string{"classify", "train", "--data", data, "--out", run}, replaced(tinyBackbone, "--set", "train.epochs=1")...)...)
	require.Zero(t, status, stderr)
	evaluate := []string{"classify", "eval", "--model", filepath.Join(run, "last.safetensors"), "--data", data, "--threads", "1", "--batch"}
	status, want, stderr := scalenet(append(evaluate, "8")...)
	require.Zero(t, status, stderr)
	status, got, stderr := scalenet(append(evaluate, "65536")...)
	require.Zero(t, status, stderr)
	require.Equal(t, want, got)
}
