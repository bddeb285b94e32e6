package train

import (
	"fmt"
	"math/rand/v2"
)

// Rand is the random source of a run: PCG of math/rand/v2, whose state is
// saved with the run. It is not safe for concurrent use: see [RandAt].
type Rand struct {
	*rand.Rand
	pcg *rand.PCG
}

// NewRand starts a source. Equal seeds give equal numbers.
func NewRand(seed uint64) *Rand {
	pcg := rand.NewPCG(seed, 0)
	return &Rand{rand.New(pcg), pcg}
}

// MarshalBinary returns the state, 20 bytes.
func (r *Rand) MarshalBinary() ([]byte, error) { return r.pcg.MarshalBinary() }

// UnmarshalBinary continues where the marshalled source was.
func (r *Rand) UnmarshalBinary(state []byte) error {
	if err := r.pcg.UnmarshalBinary(state); err != nil {
		return fmt.Errorf("random state of %d bytes: %w", len(state), err)
	}
	return nil
}

// RandAt is a source of its own for a place within an epoch (-1: the order of the
// epoch), for what is made on several goroutines.
func RandAt(seed uint64, epoch, place int) *rand.Rand {
	a := mix(seed)
	b := mix(a ^ uint64(epoch))
	return rand.New(rand.NewPCG(b, mix(b^uint64(place))))
}

// mix is the finaliser of SplitMix64: seeds that differ by one are far apart
// after it.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
