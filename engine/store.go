package engine

import (
	"fmt"

	"scalenet/nn"
)

// Store is the parameter store: a model's parameters on a device, shared by all its plans.
type Store struct {
	dev     Device
	params  *nn.Params
	vars    map[*nn.Param]Tensor
	inPlace bool // the device reads the values in host memory
}

// NewStore returns an empty store. A parameter is copied to the device when a plan first needs it.
func NewStore(dev Device, params *nn.Params) *Store {
	return &Store{dev: dev, params: params, vars: map[*nn.Param]Tensor{}}
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

// Tensor returns a parameter on the device, and copies it there if necessary.
func (s *Store) Tensor(p *nn.Param, t DType) (Tensor, error) {
	if v, ok := s.vars[p]; ok {
		if v.Type != t {
			return Tensor{}, fmt.Errorf("engine: parameter %s is stored as %s, a plan wants %s", p.Name, v.Type, t)
		}
		return v, nil
	}
	v := Tensor{Desc: Desc{p.Shape, t}, Version: new(uint64)}
	var err error
	if s.inPlace && t == Float32 {
		v.Mem, err = s.dev.Map(p.Data)
	} else {
		v.Mem, err = s.dev.Alloc(v.Bytes())
	}
	if err != nil {
		return Tensor{}, fmt.Errorf("engine: parameter %s: %w", p.Name, err)
	}
	if err := s.upload(p, v); err != nil {
		s.dev.Free(v.Mem)
		return Tensor{}, fmt.Errorf("engine: parameter %s: %w", p.Name, err)
	}
	s.vars[p] = v
	return v, nil
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

func (s *Store) upload(p *nn.Param, v Tensor) error {
	*v.Version++
	var data any = p.Data
	if v.Type == Float64 {
		wide := make([]float64, len(p.Data))
		for i, x := range p.Data {
			wide[i] = float64(x)
		}
		data = wide
	}
	return s.dev.Write(v.Mem, data)
}

// Download copies the device's values of all float32 parameters to the host.
func (s *Store) Download() error {
	for _, p := range s.params.All() {
		if v, ok := s.vars[p]; ok && v.Type == Float32 {
			if err := s.dev.Read(p.Data, v.Mem); err != nil {
				return fmt.Errorf("engine: parameter %s: %w", p.Name, err)
			}
		}
	}
	return nil
}

// Close frees the device's memory.
func (s *Store) Close() {
	for _, v := range s.vars {
		s.dev.Free(v.Mem)
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
