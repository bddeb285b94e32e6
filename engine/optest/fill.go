package optest

import (
	"hash/fnv"
	"math"
)

// Kind is how values are made.
type Kind string

const (
	// Uniform values lie in [Low, High).
	Uniform Kind = "uniform"
	// Distinct values lie in [-1, 1), no two nearer than 2/n of n: no ties in a maximum.
	Distinct Kind = "distinct"
	// Gap values lie in +-[0.1, 1.1): away from a rectifier's kink.
	Gap Kind = "gap"
	// Levels are -1, 0 or 1: ties everywhere.
	Levels Kind = "levels"
	// Labels are integers from -1 (ignored) to Classes-1.
	Labels Kind = "labels"
	// Bytes are integers from 0 to 255.
	Bytes Kind = "bytes"
	// Given values are listed.
	Given Kind = "given"
)

// Fill says how the values of an input are made. golden.py has the same rules.
type Fill struct {
	Kind      Kind
	Low, High float64   `json:",omitempty"`
	Classes   int       `json:",omitempty"`
	Values    []float64 `json:",omitempty"`
}

// Make gives n values for a seed; all are exact in float32.
func (f Fill) Make(n int, seed uint32) []float64 {
	v := make([]float64, n)
	step := coprime(n)
	for i := range v {
		switch f.Kind {
		case Uniform:
			v[i] = single(f.Low + (f.High-f.Low)*unit(seed, i))
		case Distinct:
			v[i] = single(float64((i*step+int(seed%uint32(n)))%n)/float64(n)*2 - 1)
		case Gap:
			u := unit(seed, i)*2 - 1
			v[i] = single(u + math.Copysign(0.1, u))
		case Levels:
			v[i] = float64(int(hash(seed, i)%3) - 1)
		case Labels:
			v[i] = float64(int(hash(seed, i)%uint32(f.Classes+1)) - 1)
		case Bytes:
			v[i] = float64(hash(seed, i) % 256)
		case Given:
			v[i] = single(f.Values[i])
		}
	}
	return v
}

// Seed is the seed of a name.
func Seed(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}

// unit is a number in [0, 1) with 24 bits.
func unit(seed uint32, i int) float64 { return float64(hash(seed, i)>>8) / (1 << 24) }

// hash is the finaliser of MurmurHash3 on a Weyl sequence.
func hash(seed uint32, i int) uint32 {
	x := seed + uint32(i)*0x9E3779B9
	x ^= x >> 16
	x *= 0x85EBCA6B
	x ^= x >> 13
	x *= 0xC2B2AE35
	return x ^ x>>16
}

func single(v float64) float64 { return float64(float32(v)) }

// coprime is a step near the golden section of n that visits all of n values.
func coprime(n int) int {
	for s := n*618/1000 + 1; ; s++ {
		a, b := s, n
		for b != 0 {
			a, b = b, a%b
		}
		if a == 1 {
			return s
		}
	}
}
