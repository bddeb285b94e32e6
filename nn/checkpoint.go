package nn

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"scalenet/checkpoint"
)

// Tensors returns the parameters as tensors of a file, with their names. A quantized weight has two tensors per part: I8 values with the name that
// [Param.PartName] returns, and F32 scales with that name and "_scale".
func (p *Params) Tensors() (list []checkpoint.Tensor) {
	for _, q := range p.list {
		list = append(list, q.tensors()...)
	}
	return list
}

// Match compares the parameters with a file's tensors by name and shape. It reads no values.
func (p *Params) Match(r *checkpoint.Reader) checkpoint.Report {
	report, _ := p.match(r)
	return report
}

// match is Match; it also returns where the parts of quantized weights begin.
func (p *Params) match(r *checkpoint.Reader) (checkpoint.Report, map[*Param][]int) {
	var want []checkpoint.Info
	begins := p.partsOf(r)
	for _, q := range p.list {
		for i, from := range begins[q] {
			values, scales := q.infos(from, q.end(begins[q], i))
			want = append(want, values, scales)
		}
		if begins[q] == nil {
			want = append(want, checkpoint.Info{Name: q.Name, DType: checkpoint.F32, Shape: q.Shape})
		}
	}
	return checkpoint.Match(r.Infos(), want), begins
}

// Take copies the tensors of a file whose names and shapes match parameters. The report lists matched keys, missing keys, unexpected keys and keys of
// another shape. Values that Param.Check rejects and damaged files are errors. A set made by NewShapes gets values only if the file has all of its
// parameters, and keeps quantized weights as bytes. Other sets get them as float32.
func (p *Params) Take(r *checkpoint.Reader) (checkpoint.Report, error) {
	report, begins := p.match(r)
	if p.shapes && len(report.Missing)+len(report.WrongShape) > 0 {
		return report, nil
	}
	matched := map[string]bool{}
	for _, name := range report.Matched {
		matched[name] = true
	}
	for _, q := range p.list {
		if err := q.take(r, begins[q], matched, p.shapes); err != nil {
			return report, err
		}
	}
	p.shapes = false
	return report, r.Verify()
}

// take gives a parameter the values of its tensors if all are matched. A quantized weight becomes float32 unless keep is set.
func (q *Param) take(r *checkpoint.Reader, begins []int, matched map[string]bool, keep bool) (err error) {
	switch {
	case begins != nil:
		for i, from := range begins {
			values, scales := q.infos(from, q.end(begins, i))
			if !matched[values.Name] || !matched[scales.Name] {
				return nil
			}
		}
		var parts []Part
		if parts, err = q.readParts(r, begins); err != nil {
			break
		}
		if keep {
			q.Parts = parts
			return nil
		}
		copy(q.Data, (&Param{Shape: q.Shape, Parts: parts}).Floats())
	case matched[q.Name]:
		err = q.takeFloats(r)
	}
	if err == nil {
		err = q.Check()
	}
	if err != nil && !strings.HasPrefix(err.Error(), r.Path()) {
		err = fmt.Errorf("%s: %w", r.Path(), err)
	}
	return err
}

func (q *Param) takeFloats(r *checkpoint.Reader) error {
	t, err := r.Tensor(q.Name)
	if err != nil {
		return err
	}
	if t.DType == checkpoint.I8 {
		return fmt.Errorf("tensor %q is I8: only weights of convolutions and linear layers can be", q.Name)
	}
	if q.Data == nil {
		q.Data = make([]float32, q.Shape.TotalSize())
	}
	return t.CopyFloat32s(q.Data)
}

// Fill gives a set that NewShapesFor made the values of tensors, which must be exactly its parameters. Missing, unexpected and wrongly shaped tensors and
// values that Param.Check rejects are errors that name the first. No memory is allocated before all shapes match.
func (p *Params) Fill(tensors map[string]checkpoint.Tensor) error {
	for _, q := range p.list {
		switch t, ok := tensors[q.Name]; {
		case !ok:
			return fmt.Errorf("tensor %q %v is missing", q.Name, q.Shape)
		case !slices.Equal(t.Shape, q.Shape):
			return fmt.Errorf("tensor %q has shape %v, the model wants %v", q.Name, t.Shape, q.Shape)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		if p.by[name] == nil {
			return fmt.Errorf("tensor %q does not belong to this network", name)
		}
	}
	for _, q := range p.list {
		q.Data = make([]float32, q.Shape.TotalSize())
		if err := tensors[q.Name].CopyFloat32s(q.Data); err != nil {
			return err
		}
		if err := q.Check(); err != nil {
			return err
		}
	}
	p.shapes = false
	return nil
}

// maxExponent is the exponent, in the bits of a float32, from which squares are infinite: that of 2^64. Infinity and NaN have higher exponents.
const maxExponent = (127 + 64) << 23

// Check returns an error that names the first invalid value: NaN, infinite, 2^64 or above, or a negative variance. A network would compute with such
// a value without an error.
func (q *Param) Check() error {
	for i, v := range q.Data {
		switch bits := math.Float32bits(v); {
		case bits&^(1<<31) >= maxExponent:
			return fmt.Errorf("tensor %q has the value %v at [%d]: parameters must be finite and below 2^64", q.Name, v, i)
		case q.Kind == NormVariance && v < 0:
			return fmt.Errorf("tensor %q has the value %v at [%d]: a variance must not be negative", q.Name, v, i)
		}
	}
	return nil
}

// Load opens the file at path, which must not be the state of a training run, and calls Take.
func (p *Params) Load(path string) (checkpoint.Report, error) {
	r, err := checkpoint.Open(path)
	if err != nil {
		return checkpoint.Report{}, err
	}
	defer r.Close()
	if err := r.NotState(); err != nil {
		return checkpoint.Report{}, err
	}
	return p.Take(r)
}
