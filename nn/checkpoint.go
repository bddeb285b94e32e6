package nn

import (
	"fmt"
	"math"

	"scalenet/checkpoint"
)

// Tensors are the parameters by name, as a file holds them.
func (p *Params) Tensors() []checkpoint.Tensor {
	list := make([]checkpoint.Tensor, len(p.list))
	for i, q := range p.list {
		list[i] = checkpoint.Float32Tensor(q.Name, q.Shape, q.Data)
	}
	return list
}

// Match compares the parameters by name and shape with a file's tensors; it reads
// and allocates nothing.
func (p *Params) Match(r *checkpoint.Reader) checkpoint.Report {
	want := make([]checkpoint.Info, len(p.list))
	for i, q := range p.list {
		want[i] = checkpoint.Info{Name: q.Name, DType: checkpoint.F32, Shape: q.Shape}
	}
	return checkpoint.Match(r.Infos(), want)
}

// Take copies the tensors of a file that have a parameter's name and shape, and
// reports what matched, was missing, left over or of another shape. Values that
// no training gives, and a file that was damaged, are errors. A set of shapes
// gets values if all of its parameters are there, otherwise it stays one.
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

// maxExponent is that of float32 values whose square is no finite number, 2^64
// and above, infinities and NaN with them.
const maxExponent = (127 + 64) << 23

// Check names the first value of a parameter that no training gives: a network
// with one still computes something.
func (q *Param) Check() error {
	for i, v := range q.Data {
		switch bits := math.Float32bits(v); {
		case bits&^(1<<31) >= maxExponent:
			return fmt.Errorf("tensor %q has the value %v at [%d]: parameters are finite and below 2^64", q.Name, v, i)
		case q.Kind == NormVariance && v < 0:
			return fmt.Errorf("tensor %q has the value %v at [%d]: a variance is not negative", q.Name, v, i)
		}
	}
	return nil
}

// Load is Take of a file by its path.
func (p *Params) Load(path string) (checkpoint.Report, error) {
	r, err := checkpoint.Open(path)
	if err != nil {
		return checkpoint.Report{}, err
	}
	defer r.Close()
	return p.Take(r)
}
