package disjoint

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestGroups(t *testing.T) {
	require.Empty(t, New(0).Groups())
	s := New(7)
	require.Empty(t, s.Groups())
	for _, pair := range [][2]int{{5, 3}, {1, 6}, {3, 1}, {2, 2}, {4, 0}} {
		s.Join(pair[0], pair[1])
	}
	require.Equal(t, [][]int{{0, 4}, {1, 3, 5, 6}}, s.Groups())
	require.True(t, s.Same(6, 5))
	require.False(t, s.Same(2, 5))
}

// Two numbers are in one group if and only if a chain of pairs leads from one to the other.
func TestGroupsAreChains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 12
		var reached [n][n]bool
		s := New(n)
		for i := range n {
			reached[i][i] = true
		}
		for range rapid.IntRange(0, 15).Draw(t, "pairs") {
			i, j := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "j")
			s.Join(i, j)
			reached[i][j], reached[j][i] = true, true
		}
		for k := range n {
			for i := range n {
				for j := range n {
					reached[i][j] = reached[i][j] || reached[i][k] && reached[k][j]
				}
			}
		}
		for i := range n {
			for j := range n {
				require.Equal(t, reached[i][j], s.Same(i, j))
			}
		}
	})
}
