package engine

import (
	"fmt"

	"scalenet/nn"
)

// Store holds a model's parameters on a device, once for all plans.
type Store struct {
	dev     Device
	params  *nn.Params
	vars    map[*nn.Param]Tensor
	inPlace bool // the device reads the host's values
}

// NewStore makes an empty store; parameters are uploaded when a plan first
// needs them, or by Upload.
func NewStore(dev Device, params *nn.Params) *Store {
	return &Store{dev: dev, params: params, vars: map[*nn.Param]Tensor{}}
}

// NewReadOnlyStore makes a store for inference: parameters change on the host
// only, so a device that reads the host's memory needs no copy of them. A change takes effect with Upload;
// no run may come between the two.
func NewReadOnlyStore(dev Device, params *nn.Params) *Store {
	s := NewStore(dev, params)
	s.inPlace = dev.Capabilities().ReadsHostMemory
	return s
}

// Params is the set whose values the store holds.
func (s *Store) Params() *nn.Params { return s.params }

// Tensor is a parameter's memory on the device.
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

// Upload copies parameters that have changed on the host to the device; all of
// them if none is named.
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

// UpdateRunning moves the running statistics of a training plan's BatchNorms
// towards the moments of the batch just run, as PyTorch does: with momentum
// nn.NormMomentum, the variance unbiased.
func (s *Store) UpdateRunning(plan *Plan) error {
	for _, m := range plan.graph.Moments() {
		if _, ok := plan.Tensor(m.Node); !ok {
			continue
		}
		c := len(m.Mean.Data)
		batch := make([]float32, 2*c)
		if err := plan.Read(m.Node, batch); err != nil {
			return err
		}
		unbias := float32(m.Count) / float32(max(m.Count-1, 1))
		for i := range c {
			m.Mean.Data[i] += nn.NormMomentum * (batch[i] - m.Mean.Data[i])
			m.Variance.Data[i] += nn.NormMomentum * (batch[c+i]*unbias - m.Variance.Data[i])
		}
		if err := s.Upload(m.Mean, m.Variance); err != nil {
			return err
		}
	}
	return nil
}
