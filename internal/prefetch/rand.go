package prefetch

import "math/rand/v2"

// Rand returns the random source for one position in an epoch: an example, or -1 for the order of the epoch. Each position has its own
// source, because goroutines make batches in any order.
func Rand(seed uint64, epoch, place int) *rand.Rand {
	a := mix(seed)
	b := mix(a ^ uint64(epoch))
	return rand.New(rand.NewPCG(b, mix(b^uint64(place))))
}

// mix is the finaliser of SplitMix64. It decorrelates seeds that differ by one.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
