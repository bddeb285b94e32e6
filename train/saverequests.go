package train

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// SaveRequests begins to handle SIGUSR1, which asks a run to save and to go on. Batch systems send it some time before they end a job; without
// a handler it would end the process. asked reports whether the signal has come since the last call. stop ends the handling.
func SaveRequests() (asked func() bool, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	asked = func() bool {
		select {
		case <-signals:
			return true
		default:
			return false
		}
	}
	return asked, sync.OnceFunc(func() { signal.Stop(signals) })
}
