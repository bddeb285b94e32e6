package ref

import "scalenet/nn"

// choice is the family of operations that choose boxes. They are defined in Go,
// in float32: what is chosen depends on rounding.
func choice(op nn.Op) (operation, bool) {
	switch op := op.(type) {
	case nn.Proposals:
		return of(func(in []array) array {
			y := zeros(in[0].shape[0]*op.Rows, op.Columns())
			return chosen(y, func(out []float32) { op.Fill(singles(in[0]), singles(in[1]), singles(in[2]), singles(in[3]), out) })
		}), true
	case nn.TopProposals:
		return of(func(in []array) array {
			var levels [][]float32
			for _, level := range in[:len(in)-1] {
				levels = append(levels, singles(level))
			}
			limits := in[len(in)-1]
			y := zeros(limits.shape[0]*op.Rows, 5)
			return chosen(y, func(out []float32) { op.Fill(levels, singles(limits), out) })
		}), true
	case nn.Detections:
		return of(func(in []array) array {
			y := zeros(in[3].shape[0], op.Rows, 6)
			return chosen(y, func(out []float32) { op.Fill(singles(in[0]), singles(in[1]), singles(in[2]), singles(in[3]), out) })
		}), true
	}
	return operation{}, false
}

// chosen is y with what fill writes.
func chosen(y array, fill func(out []float32)) array {
	out := make([]float32, len(y.data))
	fill(out)
	for i, v := range out {
		y.data[i] = float64(v)
	}
	return y
}

// singles are an array's values in float32.
func singles(a array) []float32 {
	out := make([]float32, len(a.data))
	for i, v := range a.data {
		out[i] = float32(v)
	}
	return out
}
