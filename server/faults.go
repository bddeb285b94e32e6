package server

import (
	"sync"

	"scalenet/server/models"
)

// faultsInARow is how many batches may fail, one after the other, before the
// server says that it is not ready: its supervisor then starts it anew.
const faultsInARow = 3

// faults counts batches that failed in a row.
type faults struct {
	mu     sync.Mutex
	inARow int
	reopen sync.WaitGroup // models that are opened again
}

// fine ends a row.
func (f *faults) fine() {
	f.mu.Lock()
	f.inARow = 0
	f.mu.Unlock()
}

// many tells whether so many failed that the server is not ready.
func (f *faults) many() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inARow >= faultsInARow
}

// failed notes a batch that failed. The model is opened again on a new device:
// what failed may be the device's state, which no later batch would get out of.
func (s *Server) failed(m *models.Model) {
	s.faults.mu.Lock()
	s.faults.inARow++
	s.faults.mu.Unlock()
	s.faults.reopen.Go(func() {
		if r, tried := s.config.Models.Reopen(m); tried {
			s.tell(r)
		}
	})
}
