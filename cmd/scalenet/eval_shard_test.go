package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEvalShards(t *testing.T) {
	_, args := tinyRun(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "run")
	status, _, stderr := scalenet(append(args, "--out", out, "--epochs", "1")...)
	require.Zero(t, status, stderr)
	in := func(name string) string { return filepath.Join(dir, name) }
	evaluate := func(results string, more ...string) []string {
		return append([]string{"eval", "--model", filepath.Join(out, "best.safetensors"), "--data", instancesFile, "--images", imagesDir, "--results", results, "--threads", "1"}, more...)
	}
	status, want, stderr := scalenet(evaluate(in("whole"))...)
	require.Zero(t, status, stderr)
	whole, err := os.ReadFile(in("whole"))
	require.NoError(t, err)
	for _, n := range []int{1, 3, 9} { // more than images, too
		var parts []string
		for i := range n {
			parts = append([]string{in(fmt.Sprintf("%d-of-%d", i, n))}, parts...)
			status, stdout, stderr := scalenet(evaluate(parts[0], "--shard", fmt.Sprintf("%d/%d", i, n))...)
			require.Zero(t, status, stderr)
			require.Empty(t, stdout, "no metrics of a part")
			require.NoFileExists(t, parts[0]+".partial")
		}
		merged := in(fmt.Sprint("merged", n))
		status, _, stderr = scalenet(append([]string{"merge", "--out", merged}, parts...)...)
		require.Zero(t, status, stderr)
		got, err := os.ReadFile(merged)
		require.NoError(t, err)
		require.True(t, string(whole) == string(got), "%d parts", n)
		status, stdout, stderr := scalenet("coco", "eval", "--gt", instancesFile, "--dt", merged)
		require.Zero(t, status, stderr)
		require.Contains(t, want, stdout)
	}

	// A part that was stopped after an image, in the middle of the next one.
	part, err := os.ReadFile(in("1-of-3"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(in("stopped.partial"), part[:len(part)-2], 0o644))
	status, _, stderr = scalenet(evaluate(in("stopped"), "--shard", "0/3", "--resume")...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "these partial results are of part 1/3, not of part 0/3")
	status, _, stderr = scalenet(evaluate(in("stopped"), "--resume")...)
	require.Equal(t, 1, status)
	require.Contains(t, stderr, "these partial results are of part 1/3, not of all images")
	status, _, stderr = scalenet(evaluate(in("stopped"), "--shard", "1/3", "--resume")...)
	require.Zero(t, status, stderr)
	again, err := os.ReadFile(in("stopped"))
	require.NoError(t, err)
	require.True(t, string(part) == string(again), "the resumed part")

	for _, v := range []struct {
		args []string
		want string
	}{
		{[]string{"merge", "--out", in("x"), in("0-of-3"), in("2-of-3")}, "part 1/3 is missing"},
		{[]string{"merge", "--out", in("x"), in("0-of-3"), in("0-of-3")}, "0-of-3: is part 0/3, as "},
		{[]string{"merge", "--out", in("x"), in("whole")}, "this is not a part that --shard wrote"},
		{[]string{"merge", "--out", in("whole"), in("0-of-1")}, "whole: already exists; --force replaces it"},
		{[]string{"merge", "--out", in("x")}, "PART is missing"},
		{evaluate(in("x"), "--shard", "3/3"), `--shard "3/3": there is no part 3`},
		{evaluate(in("x"), "--shard", "0/2", "--json"), "leave out --report, --choose-threshold and --json"},
		{[]string{"eval", "--model", "m", "--data", "d", "--shard", "0/2"}, "--shard needs --results FILE"},
		{evaluate(in("0-of-3"), "--shard", "0/3"), "0-of-3: already exists"},
	} {
		status, _, stderr := scalenet(v.args...)
		require.Equal(t, 1, status, v.args)
		require.Contains(t, stderr, v.want)
		require.NoFileExists(t, in("x"))
	}
	status, text := mpirun(t, 2, evaluate(in("x"), "--shard", "0/2")...)
	require.Equal(t, 1, status)
	require.Contains(t, text, "--shard is for processes that do not know each other")

	// Lines of other parts, such as those of detect, are put one after the other.
	for i, lines := range []string{"{\"file\":\"a\"}\n{\"file\":\"b\"}\n", "{\"file\":\"c\"}\n"} {
		head := fmt.Sprintf(`{"part":"detect","shard":"%d/2","total":3,"model":"m","data":"d"}`, i)
		require.NoError(t, os.WriteFile(in(fmt.Sprint("detect", i)), []byte(head+"\n"+lines), 0o644))
	}
	status, _, stderr = scalenet("merge", "--out", in("lines"), in("detect1"), in("detect0"))
	require.Zero(t, status, stderr)
	lines, err := os.ReadFile(in("lines"))
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(lines), "\n"))
	require.True(t, strings.HasPrefix(string(lines), `{"file":"a"}`))
}
