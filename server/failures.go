package server

import (
	"sync"

	"scalenet/server/models"
)

// maxConsecutiveFailures is the number of consecutive failed batches at which the
// server reports that it is not ready, so that its supervisor restarts it.
const maxConsecutiveFailures = 3

// failures counts consecutive failed batches.
type failures struct {
	mu          sync.Mutex
	consecutive int
	reopening   sync.WaitGroup // models being opened again
}

// succeeded resets the count.
func (f *failures) succeeded() {
	f.mu.Lock()
	f.consecutive = 0
	f.mu.Unlock()
}

// tooMany reports whether the server is not ready because of failed batches.
func (f *failures) tooMany() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.consecutive >= maxConsecutiveFailures
}

// batchFailed records a failed batch. It opens the model again on a new device,
// because the failure may have left the device in a state in which every later batch
// fails too.
func (s *Server) batchFailed(m *models.Model) {
	s.failures.mu.Lock()
	s.failures.consecutive++
	s.failures.mu.Unlock()
	s.failures.reopening.Go(func() {
		if r, tried := s.config.Models.Reopen(m); tried {
			s.logReload(r)
		}
	})
}
