package cpu

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThreadsOutOfRange(t *testing.T) {
	for n, want := range map[int]string{
		-1:             "cpu: Options.Threads is -1: want 0 (GOMAXPROCS) to 1024",
		MaxThreads + 1: "cpu: Options.Threads is 1025: want 0 (GOMAXPROCS) to 1024",
		99999999999:    "cpu: Options.Threads is 99999999999: want 0 (GOMAXPROCS) to 1024",
		math.MaxInt:    "cpu: Options.Threads is 9223372036854775807: want 0 (GOMAXPROCS) to 1024",
	} {
		_, err := New(Options{Threads: n})
		require.EqualError(t, err, want)
	}
}
