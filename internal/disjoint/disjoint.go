// Package disjoint joins numbers to groups.
package disjoint

// Sets are groups of the numbers 0..n-1. At first each number is a group of its own.
type Sets struct{ parent []int }

// New returns the groups of n numbers.
func New(n int) *Sets {
	s := &Sets{make([]int, n)}
	for i := range s.parent {
		s.parent[i] = i
	}
	return s
}

func (s *Sets) root(i int) int {
	for s.parent[i] != i {
		s.parent[i] = s.parent[s.parent[i]]
		i = s.parent[i]
	}
	return i
}

// Same reports whether two numbers are in one group.
func (s *Sets) Same(i, j int) bool { return s.root(i) == s.root(j) }

// Join makes one group of those of two numbers.
func (s *Sets) Join(i, j int) {
	i, j = s.root(i), s.root(j)
	s.parent[max(i, j)] = min(i, j)
}

// Groups returns the groups of more than one number, sorted.
func (s *Sets) Groups() (groups [][]int) {
	members := make(map[int][]int)
	for i := range s.parent {
		members[s.root(i)] = append(members[s.root(i)], i)
	}
	for i := range s.parent {
		if list := members[i]; len(list) > 1 {
			groups = append(groups, list)
		}
	}
	return groups
}
