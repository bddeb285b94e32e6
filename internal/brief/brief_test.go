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
	require.Equal(t, "größe 1.jpg", Line("größe 1.jpg"))
	require.Equal(t, `"a\nb\x1b[31m.jpg"`, Line("a\nb\x1b[31m.jpg"))
	require.Empty(t, List(nil))
	require.Equal(t, "0 objects, 1 object, 2 objects, 1 class, 2 classes, 1 box, 0 boxes", strings.Join([]string{Count(0, "object"), Count(1, "object"), Count(2, "object"),
		Count(1, "class"), Count(2, "class"), Count(1, "box"), Count(0, "box")}, ", "))
}
