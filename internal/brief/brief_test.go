package brief

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrief(t *testing.T) {
	require.Equal(t, "short", Text("short"))
	require.Equal(t, strings.Repeat("x", 199)+"... (203 bytes)", Text(strings.Repeat("x", 199)+"éé"), "no part of a character")
	require.Equal(t, "é...", Cut("éé", 3), "no part of a character")
	require.Equal(t, "éé", Cut([]byte("éé"), 4))
	require.Equal(t, "[1 2]", Value([]int{1, 2}))
	require.Less(t, len(Value(make([]int, 1e6))), 300)
	require.Equal(t, "a, b", List([]string{"a", "b"}))
	require.Equal(t, "a, a, a, a, a, a, a, a and 992 more", List(strings.Split(strings.Repeat("a", 1000), "")))
	require.Empty(t, List(nil))
}
