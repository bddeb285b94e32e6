package raster

import (
	"runtime"
	"sync"
)

// inParallel calls f for consecutive parts of [0, n), one per processor, and returns when all calls have.
func inParallel(n int, f func(first, end int)) {
	parts := max(1, min(n, runtime.GOMAXPROCS(0)))
	var group sync.WaitGroup
	for i := range parts - 1 {
		group.Go(func() { f(i*n/parts, (i+1)*n/parts) })
	}
	f((parts-1)*n/parts, n)
	group.Wait()
}
