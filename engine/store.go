package engine

import (
	"cmp"
	"fmt"
	"slices"

	"scalenet/nn"
)

// Store is the parameter store: a model's parameters on a device, shared by all its plans.
type Store struct {
	dev     Device
	params  *nn.Params
	vars    map[*nn.Param]*stored
	inPlace bool // the device reads the values in host memory
}

// stored is a parameter on the device: as floats, in parts of bytes, or both, as plans need it.
type stored struct {
	floats Tensor
	parts  []storedPart
}

// storedPart is the input channels [from, to) of a weight.
type storedPart struct {
	from, to      int
	bytes, scales Tensor
}

// NewStore returns an empty store. A parameter is copied to the device when a plan first needs it.
func NewStore(dev Device, params *nn.Params) *Store {
	return &Store{dev: dev, params: params, vars: map[*nn.Param]*stored{}}
}

// NewReadOnlyStore returns a store for inference, in which parameters change on the host only. A device that reads host memory needs no copy of them. After
// a change, call Upload before the next run.
func NewReadOnlyStore(dev Device, params *nn.Params) *Store {
	s := NewStore(dev, params)
	s.inPlace = dev.Capabilities().ReadsHostMemory
	return s
}

// Params returns the parameter set whose values the store holds.
func (s *Store) Params() *nn.Params { return s.params }

// Tensor returns a parameter as float32 or float64 on the device, and copies it there if necessary.
func (s *Store) Tensor(p *nn.Param, t DType) (Tensor, error) {
	v := s.of(p)
	if v.floats.Mem != nil && v.floats.Type != t {
		return Tensor{}, fmt.Errorf("engine: parameter %s is stored as %s, a plan wants %s", p.Name, v.floats.Type, t)
	}
	if v.floats.Mem == nil {
		values, err := asType(p.Floats(), t)
		if err == nil {
			v.floats, err = s.place(Desc{p.Shape, t}, values, s.inPlace && t == Float32 && !p.Quantized())
		}
		if err != nil {
			return Tensor{}, fmt.Errorf("engine: parameter %s: %w", p.Name, err)
		}
	}
	return v.floats, nil
}

// Bytes returns the input channels [from, to) of a weight as bytes on the device, see [nn.Part], and their scales. Those of a quantized weight must be one
// of its parts.
func (s *Store) Bytes(p *nn.Param, from, to int) (bytes, scales Tensor, err error) {
	v := s.of(p)
	for _, part := range v.parts {
		if part.from == from && part.to == to {
			return part.bytes, part.scales, nil
		}
	}
	values, err := partOf(p, from, to)
	if err != nil {
		return Tensor{}, Tensor{}, fmt.Errorf("engine: %w", err)
	}
	part := storedPart{from: from, to: to}
	shape := p.Shape.Clone()
	shape[1] = to - from
	if part.bytes, err = s.place(Desc{shape, UInt8}, values.Bytes, s.inPlace && p.Quantized()); err == nil {
		part.scales, err = s.place(Desc{shape[:1], Float32}, values.Scales, s.inPlace && p.Quantized())
	}
	if err != nil {
		return Tensor{}, Tensor{}, fmt.Errorf("engine: parameter %s: %w", p.PartName(from, to), err)
	}
	v.parts = append(v.parts, part)
	return part.bytes, part.scales, nil
}

// partOf returns a part of a weight, which is rounded if it is float.
func partOf(p *nn.Param, from, to int) (nn.Part, error) {
	if !p.Quantized() {
		return p.RoundPart(from, to), nil
	}
	for _, part := range p.Parts {
		if part.From == from && part.To == to {
			return part, nil
		}
	}
	return nn.Part{}, fmt.Errorf("parameter %s has no part %s", p.Name, p.PartName(from, to))
}

// BytesWeights returns the weights that plans have read as bytes and not as floats, with the input channels at which their parts begin.
func (s *Store) BytesWeights() map[string][]int {
	begins := map[string][]int{}
	for p, v := range s.vars {
		slices.SortFunc(v.parts, func(a, b storedPart) int { return cmp.Compare(a.from, b.from) })
		at := 0
		var list []int
		for _, part := range v.parts {
			if part.from == at {
				list, at = append(list, at), part.to
			}
		}
		if v.floats.Mem == nil && len(list) == len(v.parts) && at == p.Shape[1] {
			begins[p.Name] = list
		}
	}
	return begins
}

func (s *Store) of(p *nn.Param) *stored {
	v := s.vars[p]
	if v == nil {
		v = &stored{}
		s.vars[p] = v
	}
	return v
}

// place returns values on the device, or in host memory.
func (s *Store) place(d Desc, values any, inPlace bool) (t Tensor, err error) {
	t = Tensor{Desc: d, Version: new(uint64)}
	if inPlace {
		t.Mem, err = s.dev.Map(values)
	} else {
		t.Mem, err = s.dev.Alloc(d.Bytes())
	}
	if err != nil {
		return Tensor{}, err
	}
	if err := s.write(t, values); err != nil {
		s.dev.Free(t.Mem)
		return Tensor{}, err
	}
	return t, nil
}

func (s *Store) write(t Tensor, values any) error {
	*t.Version++
	return s.dev.Write(t.Mem, values)
}

func asType(values []float32, t DType) (any, error) {
	switch t {
	case Float32:
		return values, nil
	case Float64:
		wide := make([]float64, len(values))
		for i, x := range values {
			wide[i] = float64(x)
		}
		return wide, nil
	}
	return nil, fmt.Errorf("parameters are floats, a plan wants %s", t)
}

// Upload copies the given parameters, or all if none is given, from the host to the device.
func (s *Store) Upload(params ...*nn.Param) error {
	if len(params) == 0 {
		params = s.params.All()
	}
	for _, p := range params {
		if v, ok := s.vars[p]; ok {
			if err := s.upload(p, v); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) upload(p *nn.Param, v *stored) error {
	if v.floats.Mem != nil {
		values, err := asType(p.Floats(), v.floats.Type)
		if err != nil {
			return err
		}
		if err := s.write(v.floats, values); err != nil {
			return err
		}
	}
	for _, part := range v.parts {
		values, err := partOf(p, part.from, part.to)
		if err == nil {
			err = cmp.Or(s.write(part.bytes, values.Bytes), s.write(part.scales, values.Scales))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Download copies the device's values of all float32 parameters to the host.
func (s *Store) Download() error {
	for _, p := range s.params.All() {
		if v, ok := s.vars[p]; ok && v.floats.Mem != nil && v.floats.Type == Float32 && !p.Quantized() {
			if err := s.dev.Read(p.Data, v.floats.Mem); err != nil {
				return fmt.Errorf("engine: parameter %s: %w", p.Name, err)
			}
		}
	}
	return nil
}

// Close frees the device's memory.
func (s *Store) Close() {
	for _, v := range s.vars {
		if v.floats.Mem != nil {
			s.dev.Free(v.floats.Mem)
		}
		for _, part := range v.parts {
			s.dev.Free(part.bytes.Mem)
			s.dev.Free(part.scales.Mem)
		}
	}
	clear(s.vars)
}

// Moments are the mean and the unbiased variance of the channels of a BatchNorm in a
// batch, and the names of the running statistics that they move.
type Moments struct {
	RunningMean, RunningVariance string
	Values                       []float32 // means, then variances
}

// Moments returns those of the batch that the plan has just run.
func (p *Plan) Moments() (list []Moments, err error) {
	for _, m := range p.graph.Moments() {
		if _, ok := p.Tensor(m.Node); !ok {
			continue
		}
		c := len(m.Mean.Data)
		values := make([]float32, 2*c)
		if err := p.Read(m.Node, values); err != nil {
			return nil, err
		}
		unbias := float32(m.Count) / float32(max(m.Count-1, 1))
		for i := range values[c:] {
			values[c+i] *= unbias
		}
		list = append(list, Moments{m.Mean.Name, m.Variance.Name, values})
	}
	return list, nil
}

// UpdateRunning moves running statistics towards the moments of a batch, as PyTorch
// does, with momentum nn.NormMomentum.
func (s *Store) UpdateRunning(batch []Moments) error {
	for _, m := range batch {
		mean, variance := s.params.Get(m.RunningMean), s.params.Get(m.RunningVariance)
		if mean == nil || variance == nil || len(m.Values) != len(mean.Data)+len(variance.Data) {
			return fmt.Errorf("engine: %d moments of a batch for %s and %s do not fit", len(m.Values), m.RunningMean, m.RunningVariance)
		}
		c := len(mean.Data)
		for i := range c {
			mean.Data[i] += nn.NormMomentum * (m.Values[i] - mean.Data[i])
			variance.Data[i] += nn.NormMomentum * (m.Values[c+i] - variance.Data[i])
		}
		if err := s.Upload(mean, variance); err != nil {
			return err
		}
	}
	return nil
}
