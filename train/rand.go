package train

import (
	"fmt"
	"math/rand/v2"
)

// Rand is the random source of a run: PCG of math/rand/v2, whose state is
// saved with the run. It is not safe for concurrent use. Use prefetch.Rand for
// batches that are made in several goroutines.
type Rand struct {
	*rand.Rand
	pcg *rand.PCG
}

// NewRand returns a source. Equal seeds give equal numbers.
func NewRand(seed uint64) *Rand {
	pcg := rand.NewPCG(seed, 0)
	return &Rand{rand.New(pcg), pcg}
}

// MarshalBinary returns the state, 20 bytes.
func (r *Rand) MarshalBinary() ([]byte, error) { return r.pcg.MarshalBinary() }

// UnmarshalBinary sets the state.
func (r *Rand) UnmarshalBinary(state []byte) error {
	if err := r.pcg.UnmarshalBinary(state); err != nil {
		return fmt.Errorf("random state of %d bytes: %w", len(state), err)
	}
	return nil
}
