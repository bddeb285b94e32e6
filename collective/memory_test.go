package collective

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Reduction makes as many blocks as ReductionBytes counts.
func TestReductionBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, m := range []int{1, 2, 3, 5, 6, 7, 8, 12} {
		for n := 1; n <= min(m, 5); n++ {
			places, want, got := draw(r, m, []int{3}, false), make([]int, n), make([]int, n)
			var wg sync.WaitGroup
			for rank, g := range NewLocal(n, Options{Limit: time.Minute}) {
				wg.Go(func() {
					sum, err := NewReduction(g, ReductionOptions{Places: m, Parts: []int{3}})
					if err != nil {
						return
					}
					for range 2 {
						for place := sum.places.first; place < sum.places.end; place++ {
							if sum.Add(place, places[place]) != nil {
								return
							}
						}
						if _, err := sum.Finish(); err != nil {
							return
						}
					}
					want[rank], got[rank] = 12*(len(sum.free)+len(sum.result)), g.ReductionBytes(3, m)
				})
			}
			wg.Wait()
			require.NotContains(t, got, 0)
			require.Equal(t, want, got, "%d places, %d processes", m, n)
		}
	}
}
