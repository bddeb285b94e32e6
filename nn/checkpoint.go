package nn

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"scalenet/checkpoint"
)

// Tensors returns the parameters as tensors of a file, with their names.
func (p *Params) Tensors() []checkpoint.Tensor {
	list := make([]checkpoint.Tensor, len(p.list))
	for i, q := range p.list {
		list[i] = checkpoint.Float32Tensor(q.Name, q.Shape, q.Data)
	}
	return list
}

// Match compares the parameters with a file's tensors by name and shape. It reads no values.
func (p *Params) Match(r *checkpoint.Reader) checkpoint.Report {
	want := make([]checkpoint.Info, len(p.list))
	for i, q := range p.list {
		want[i] = checkpoint.Info{Name: q.Name, DType: checkpoint.F32, Shape: q.Shape}
	}
	return checkpoint.Match(r.Infos(), want)
}

// Take copies the tensors of a file whose names and shapes match parameters. The report lists matched keys, missing keys, unexpected keys and keys of
// another shape. Values that Param.Check rejects and damaged files are errors. A set made by NewShapes gets values only if the file has all of its
// parameters.
func (p *Params) Take(r *checkpoint.Reader) (checkpoint.Report, error) {
	report := p.Match(r)
	if p.shapes && len(report.Matched) < len(p.list) {
		return report, nil
	}
	for _, name := range report.Matched {
		t, err := r.Tensor(name)
		if err != nil {
			return report, err
		}
		q := p.by[name]
		if q.Data == nil {
			q.Data = make([]float32, q.Shape.TotalSize())
		}
		if err := t.CopyFloat32s(q.Data); err != nil {
			return report, fmt.Errorf("%s: %w", r.Path(), err)
		}
		if err := q.Check(); err != nil {
			return report, fmt.Errorf("%s: %w", r.Path(), err)
		}
	}
	p.shapes = false
	return report, r.Verify()
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

// Load opens the file at path and calls Take.
func (p *Params) Load(path string) (checkpoint.Report, error) {
	r, err := checkpoint.Open(path)
	if err != nil {
		return checkpoint.Report{}, err
	}
	defer r.Close()
	return p.Take(r)
}
