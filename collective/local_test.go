package collective

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// together runs f in all members of a local group and returns their errors.
func together(n int, o Options, f func(g *Group) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for rank, g := range NewLocal(n, o) {
		wg.Go(func() { errs[rank] = f(g) })
	}
	wg.Wait()
	return errs
}

// agreeing is together where no error is expected.
func agreeing(t *testing.T, n int, f func(g *Group) error) {
	t.Helper()
	for _, err := range together(n, Options{Limit: time.Minute}, f) {
		require.NoError(t, err)
	}
}
