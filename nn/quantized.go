package nn

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"scalenet/checkpoint"
)

// WeightZero is the byte that stands for zero in the bytes of a quantized weight.
const WeightZero = 128

// Part is the input channels [From, To) of a quantized weight: a byte b is (b - WeightZero) * scale of its output channel.
type Part struct {
	From, To int
	Bytes    []uint8   // (output channels, input channels of the part, kernel height, kernel width)
	Scales   []float32 // of the output channels
}

// PartName names a part of a weight, or the weight if the part is all of its input channels: "conv3.weight[9:14]".
func (q *Param) PartName(from, to int) string {
	if from == 0 && to == q.Shape[1] {
		return q.Name
	}
	return fmt.Sprintf("%s[%d:%d]", q.Name, from, to)
}

// RoundPart rounds a part of a float weight to bytes. The largest magnitude of an output channel becomes 127. Of two nearest bytes it takes the even one.
func (q *Param) RoundPart(from, to int) Part {
	channels, taps := q.Shape[0], Shape(q.Shape[2:]).TotalSize()
	n := (to - from) * taps
	part := Part{from, to, make([]uint8, channels*n), make([]float32, channels)}
	for o := range channels {
		of, bytes := q.Data[(o*q.Shape[1]+from)*taps:][:n], part.Bytes[o*n:(o+1)*n]
		largest := 0.0
		for _, v := range of {
			largest = max(largest, math.Abs(float64(v)))
		}
		part.Scales[o] = float32(largest / 127)
		for i, v := range of {
			bytes[i] = WeightZero
			if part.Scales[o] > 0 {
				bytes[i] = uint8(WeightZero + int(math.RoundToEven(float64(v)/largest*127)))
			}
		}
	}
	return part
}

// Quantized reports whether the values are bytes.
func (q *Param) Quantized() bool { return q.Parts != nil }

// Floats returns the values as float32: Data, or for a quantized weight a new slice.
func (q *Param) Floats() []float32 {
	if !q.Quantized() {
		return q.Data
	}
	values := make([]float32, q.Shape.TotalSize())
	row := len(values) / q.Shape[0]
	taps := row / q.Shape[1]
	for _, part := range q.Parts {
		n := (part.To - part.From) * taps
		for i, b := range part.Bytes {
			values[i/n*row+part.From*taps+i%n] = float32(int(b)-WeightZero) * part.Scales[i/n]
		}
	}
	return values
}

// Dequantize turns quantized weights into float32, for what computes with Data.
func (p *Params) Dequantize() {
	for _, q := range p.list {
		q.Data, q.Parts = q.Floats(), nil
	}
}

// WithBytes returns the set with weights rounded to bytes, in parts that begin at the given input channels, of which the first is 0. It shares all other
// parameters.
func (p *Params) WithBytes(begins map[string][]int) *Params {
	rounded := &Params{seed: p.seed, by: map[string]*Param{}}
	for _, q := range p.list {
		if from := begins[q.Name]; len(from) > 0 && !q.Quantized() {
			b := *q
			for i, at := range from {
				b.Parts = append(b.Parts, q.RoundPart(at, q.end(from, i)))
			}
			b.Data, q = nil, &b
		}
		rounded.list = append(rounded.list, q)
		rounded.by[q.Name] = q
	}
	return rounded
}

// end is where a part ends of which the first input channels are given.
func (q *Param) end(begins []int, i int) int {
	return append(begins, q.Shape[1])[i+1]
}

// infos describe the tensors of a part in a file: I8 values, and their scales in a tensor of the same name with "_scale".
func (q *Param) infos(from, to int) (values, scales checkpoint.Info) {
	name, shape := q.PartName(from, to), q.Shape.Clone()
	shape[1] = to - from
	return checkpoint.Info{Name: name, DType: checkpoint.I8, Shape: shape}, checkpoint.Info{Name: name + "_scale", DType: checkpoint.F32, Shape: shape[:1]}
}

// tensors are those of a parameter in a file.
func (q *Param) tensors() (list []checkpoint.Tensor) {
	if !q.Quantized() {
		return []checkpoint.Tensor{checkpoint.Float32Tensor(q.Name, q.Shape, q.Data)}
	}
	for _, part := range q.Parts {
		values, scales := q.infos(part.From, part.To)
		signed := make([]int8, len(part.Bytes))
		for i, b := range part.Bytes {
			signed[i] = int8(int(b) - WeightZero)
		}
		list = append(list, checkpoint.Int8Tensor(values.Name, values.Shape, signed), checkpoint.Float32Tensor(scales.Name, scales.Shape, part.Scales))
	}
	return list
}

// partsOf lists the input channels at which parts of quantized weights in a file begin. A weight whose parts do not cover its input channels has none.
func (p *Params) partsOf(r *checkpoint.Reader) map[*Param][]int {
	begins := map[*Param][]int{}
	ends := map[*Param][]int{}
	for _, info := range r.Infos() {
		name, bounds, isPart := strings.Cut(info.Name, "[")
		q := p.by[name]
		if q == nil || info.DType != checkpoint.I8 || q.Kind != Weight || len(q.Shape) < 2 {
			continue
		}
		from, to := 0, q.Shape[1]
		if n, err := fmt.Sscanf(bounds, "%d:%d]", &from, &to); isPart && (n != 2 || err != nil || q.PartName(from, to) != info.Name) {
			continue
		}
		begins[q], ends[q] = append(begins[q], from), append(ends[q], to)
	}
	for q, from := range begins {
		slices.Sort(from)
		slices.Sort(ends[q])
		if want := append([]int{0}, ends[q]...); !slices.Equal(append(slices.Clone(from), q.Shape[1]), want) || len(slices.Compact(want)) != len(ends[q])+1 {
			delete(begins, q)
		}
	}
	return begins
}

// readParts reads a quantized weight.
func (q *Param) readParts(r *checkpoint.Reader, begins []int) (parts []Part, err error) {
	for i, from := range begins {
		to := q.end(begins, i)
		values, scales := q.infos(from, to)
		part := Part{From: from, To: to}
		t, err := r.Tensor(values.Name)
		if err != nil {
			return nil, err
		}
		part.Bytes = t.Data
		for i := range part.Bytes {
			part.Bytes[i] ^= WeightZero // an I8 value plus 128
		}
		if t, err = r.Tensor(scales.Name); err != nil {
			return nil, err
		}
		if part.Scales, err = t.Float32s(); err != nil {
			return nil, err
		}
		for i, v := range part.Scales {
			if bits := math.Float32bits(v); bits >= maxExponent { // the sign is the highest bit
				return nil, fmt.Errorf("tensor %q has the value %v at [%d]: scales must be from 0 to below 2^64", scales.Name, v, i)
			}
		}
		parts = append(parts, part)
	}
	return parts, nil
}
