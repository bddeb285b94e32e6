package engine

import "scalenet/nn"

// LayerError is called after each convolution or linear layer of a run that a Quantization would make compute on bytes, with the sum of squares of
// its results and that of their changes if only this layer did so. weight is the name of its parameter.
type LayerError func(weight string, squares, errors float64)

// comparisons computes layers a second time, on bytes.
type comparisons struct {
	plan   *Plan
	store  *Store
	q      quantizing
	report LayerError
	bytes  Memory // of a layer's input
	floats Memory // of its result
}

// newComparisons allocates memory for the largest of a program's layers.
func newComparisons(plan *Plan, p *program, store *Store, by *Quantization, report LayerError) (*comparisons, error) {
	c := &comparisons{plan: plan, store: store, q: quantizing{names: namesOf(p), by: by}, report: report}
	bytes, floats := 0, 0
	for _, s := range p.steps {
		if c.compares(s) {
			bytes, floats = max(bytes, s.in[0].Shape.TotalSize()), max(floats, s.out.Bytes())
		}
	}
	var err error
	if c.bytes, err = plan.dev.Alloc(bytes); err != nil {
		return nil, err
	}
	plan.further = append(plan.further, c.bytes)
	if c.floats, err = plan.dev.Alloc(floats); err != nil {
		return nil, err
	}
	plan.further = append(plan.further, c.floats)
	return c, nil
}

func (c *comparisons) compares(s *step) bool {
	switch s.op.(type) {
	case ConvBlock, nn.Linear:
		return c.q.fits(s)
	}
	return false
}

// kernels are what runs before a step, which may overwrite its residual, and after it.
func (c *comparisons) kernels(s *step, in []Tensor, out Tensor) (before []Kernel, after Kernel, err error) {
	x := Tensor{Desc: Desc{in[0].Shape, UInt8}, Mem: c.bytes}
	y := Tensor{Desc: out.Desc, Mem: c.floats}
	quant := c.q.of(s.in[0])
	quants := make([]Quant, len(in))
	quants[0] = quant
	op := onBytes(s.op, quants, Quant{})
	dev := c.plan.dev
	round, err := dev.Kernel(Quantize{To: quant}, in[:1], x)
	if err != nil {
		return nil, nil, err
	}
	w := weightPart(s)
	bytes, scales, err := c.store.Bytes(w.param, w.from, w.to)
	if err != nil {
		round.Close()
		return nil, nil, err
	}
	reads := append([]Tensor{x, bytes}, in[2:]...)
	layer, err := dev.Kernel(op, append(reads, scales), y)
	if err != nil {
		round.Close()
		return nil, nil, err
	}
	want, got := make([]float32, out.Shape.TotalSize()), make([]float32, out.Shape.TotalSize())
	return []Kernel{round, layer}, hostKernel{func() error {
		if err := dev.Read(want, out.Mem); err != nil {
			return err
		}
		if err := dev.Read(got, y.Mem); err != nil {
			return err
		}
		squares, errors := 0.0, 0.0
		for i, v := range want {
			d := float64(got[i]) - float64(v)
			squares, errors = squares+float64(v)*float64(v), errors+d*d
		}
		c.report(s.in[1].param.Name, squares, errors)
		return nil
	}}, nil
}

// hostKernel runs Go code between kernels.
type hostKernel struct{ run func() error }

func (k hostKernel) Run() error { return k.run() }
func (hostKernel) Close()       {}

// observer shows a value to a function.
func (plan *Plan) observer(name string, t Tensor, observe func(string, []float32)) Kernel {
	values := make([]float32, t.Shape.TotalSize())
	return hostKernel{func() error {
		if err := plan.dev.Read(values, t.Mem); err != nil {
			return err
		}
		observe(name, values)
		return nil
	}}
}

// watched adds to a step's kernel what Observe and LayerError need of the step.
func (plan *Plan) watched(s *step, k compiled, in []Tensor, out Tensor, w watch) ([]compiled, error) {
	list := []compiled{k}
	if w.comparisons != nil && w.comparisons.compares(s) {
		before, after, err := w.comparisons.kernels(s, in, out)
		if err != nil {
			return nil, err
		}
		list = []compiled{{before[0], k.name}, {before[1], k.name}, k, {after, k.name}}
	}
	if _, ok := weightName(s); w.observe != nil && ok && s.in[0].input && in[0].Type == Float32 {
		list = append([]compiled{{plan.observer(w.names[s.in[0]], in[0], w.observe), k.name}}, list...)
	}
	if _, pool := s.op.(nn.MaxPool2D); w.observe != nil && w.names[s.out] != "" && s.out.Type == Float32 && !pool {
		list = append(list, compiled{plan.observer(w.names[s.out], out, w.observe), k.name})
	}
	return list, nil
}

// watch is what a plan reports of its values beside its outputs.
type watch struct {
	names       names
	observe     func(string, []float32)
	comparisons *comparisons
}

func (plan *Plan) watch(p *program, store *Store, spec Spec) (w watch, err error) {
	if spec.Observe != nil {
		w = watch{names: namesOf(p), observe: spec.Observe}
	}
	if spec.LayerError != nil && spec.Quantization != nil {
		w.comparisons, err = newComparisons(plan, p, store, spec.Quantization, spec.LayerError)
	}
	return w, err
}
