package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBenchList(t *testing.T) {
	status, stdout, stderr := scalenet("bench", "--list", "--case", "detector-*")
	require.Zero(t, status, stderr)
	require.Equal(t, 4, strings.Count(stdout, "\n"))
	require.Contains(t, stdout, "detector-train ")
}

func TestBenchSteps(t *testing.T) {
	status, stdout, stderr := scalenet("bench", "--steps", "--case", "resnext50-224-f32", "--seconds", "0", "--threads", "2")
	require.Zero(t, status, stderr)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	require.Regexp(t, `^resnext50-224-f32: 56 steps, [0-9.]+ ms$`, lines[0])
	require.Len(t, lines, 3+56)
	require.Regexp(t, `^ *[0-9.]+ +[0-9.]+%  ConvBlock\{`, lines[3])
}

func TestBenchErrors(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--case nothing", `--case: no case is named "nothing"`},
		{"--rounds 0", "--rounds 0"},
		{"--seconds -1", "--seconds -1"},
		{"--seconds NaN", "--seconds NaN"},
		{"--threads -1", "--threads -1"},
		{"--serve nothing", `"nothing"`},
		{"--steps --case roialign-300", "case roialign-300 has no plan to show the steps of"},
	} {
		status, stdout, stderr := scalenet(append([]string{"bench"}, strings.Fields(c.args)...)...)
		require.Equal(t, 1, status)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}
