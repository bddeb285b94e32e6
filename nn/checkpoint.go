package nn

import "scalenet/checkpoint"

// Tensors are the parameters by name, as a file holds them.
func (p *Params) Tensors() []checkpoint.Tensor {
	list := make([]checkpoint.Tensor, len(p.list))
	for i, q := range p.list {
		list[i] = checkpoint.Float32Tensor(q.Name, q.Shape, q.Data)
	}
	return list
}

// Take copies the tensors of a file that have a parameter's name and shape, and
// reports what matched, was missing, left over or of another shape.
func (p *Params) Take(r *checkpoint.Reader) (checkpoint.Report, error) {
	want := make([]checkpoint.Info, len(p.list))
	for i, q := range p.list {
		want[i] = checkpoint.Info{Name: q.Name, DType: checkpoint.F32, Shape: q.Shape}
	}
	report := checkpoint.Match(r.Infos(), want)
	for _, name := range report.Matched {
		t, err := r.Tensor(name)
		if err != nil {
			return report, err
		}
		if err := t.CopyFloat32s(p.Get(name).Data); err != nil {
			return report, err
		}
	}
	return report, nil
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
