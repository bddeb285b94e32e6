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

func TestBenchErrors(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--case nothing", `--case: no case is named "nothing"`},
		{"--rounds 0", "--rounds 0"},
		{"--seconds -1", "--seconds -1"},
		{"--seconds NaN", "--seconds NaN"},
		{"--threads -1", "--threads -1"},
		{"--serve nothing", `"nothing"`},
	} {
		status, stdout, stderr := scalenet(append([]string{"bench"}, strings.Fields(c.args)...)...)
		require.Equal(t, 1, status)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
}
