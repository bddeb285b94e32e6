package backbone

import (
	"cmp"
	"hash/fnv"
	"math"
	"strings"

	"scalenet/nn"
)

// formula gives count numbers in [-1, 1), exact in float32, that golden.py
// computes from the same name: FNV-1a seeds SplitMix64.
func formula(name string, count int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	state := h.Sum64()
	v := make([]float64, count)
	for i := range v {
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		v[i] = float64(z>>40)/(1<<23) - 1
	}
	return v
}

// fillByFormula gives every parameter the values that golden.py gives it:
// weights as He's for what follows a rectifier, the last norm of a block small,
// so that features stay of order one.
func fillByFormula(params *nn.Params) {
	for _, p := range params.All() {
		offset, scale := 0.0, 0.1
		switch {
		case p.Kind == nn.NormVariance:
			offset, scale = 1, 0.25
		case p.Kind == nn.NormWeight && strings.HasSuffix(p.Name, "bn3.weight"):
			offset = 0.3
		case p.Kind == nn.NormWeight && strings.Contains(p.Name, ".rep."):
			offset = 0.5
		case p.Kind == nn.NormWeight:
			offset, scale = 1, 0.2
		case p.Kind == nn.Weight:
			scale = math.Sqrt(6 / float64(nn.Shape(p.Shape[1:]).TotalSize()))
		}
		for i, u := range formula(p.Name, len(p.Data)) {
			p.Data[i] = float32(offset + u*scale)
		}
	}
}

// imagesByFormula is n images (n, h, w, 3) from a stream of numbers, "images" if it has no name.
func imagesByFormula(stream string, n, h, w int) []float32 {
	v := make([]float32, n*h*w*3)
	for i, u := range formula(cmp.Or(stream, "images"), len(v)) {
		v[i] = float32(1.7 * u)
	}
	return v
}
