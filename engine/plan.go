package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"scalenet/nn"
)

// Spec is the input of Compile: a graph, its outputs, and how to compile it.
type Spec struct {
	Graph *nn.Graph
	// Stages lists the outputs of each stage; a stage runs what its outputs
	// need beyond the stages before it.
	Stages [][]*nn.Node
	// Features is the type that features and their gradients are computed in, Float32 unless set. Parameters,
	// their gradients, moments and losses are float32 in any case.
	Features DType
	// Quantization makes a float32 plan compute on bytes where it has Quants of the values. nil is for none.
	Quantization *Quantization
	// Observe is called after each step of a run that computes a float32 value with a name, except max pools, with its values, which it must not keep.
	// It is also called with inputs that a convolution or linear layer reads. nil is for no calls. [Quantization] has such names.
	Observe func(name string, values []float32)
	// LayerError makes the plan stay in float in spite of a Quantization, and report the errors of its layers. nil is for none.
	LayerError LayerError
	// Native outputs and inputs keep the type that features have within the
	// plan; without it they are float32.
	Native []*nn.Node
	// Shared inputs lie in another plan's memory.
	Shared map[*nn.Node]Tensor
	// Images is the number of images that the CPU chooses algorithms for, so that an image's results do not depend on the size of the batch it is in.
	// 0 is the size of the batch.
	Images int
}

// Plan is a compiled graph.
type Plan struct {
	dev    Device
	graph  *nn.Graph
	stages [][]compiled
	whole  []recording         // of the stages, on a device that is a Recorder
	memory map[*nn.Node]Tensor // inputs and kept outputs
	arena  Memory              // all that is not a parameter's or another plan's
	bytes  int                 // of the arena

	further []Memory // for LayerError

	readers map[*nn.Node][]int // the stages that read an input
	feeds   []*feed            // inputs that are uploaded
}

type compiled struct {
	Kernel
	name string
}

// String returns the step and, if the kernel has a name, the name of its implementation.
func (c compiled) String() string {
	if s, ok := c.Kernel.(fmt.Stringer); ok {
		return c.name + " [" + s.String() + "]"
	}
	return c.name
}

// recording is a stage captured as one kernel on its second run; nil if the device cannot capture the stage.
type recording struct {
	ran, tried bool
	kernel     Kernel
}

// Compile compiles a graph for a device, with the parameters of a store.
func Compile(dev Device, store *Store, spec Spec) (plan *Plan, err error) {
	p, err := programOf(dev, spec)
	if err != nil {
		return nil, err
	}
	made := &Plan{dev: dev, graph: spec.Graph, memory: map[*nn.Node]Tensor{}, stages: make([][]compiled, len(spec.Stages)), whole: make([]recording, len(spec.Stages))}
	defer func() {
		if err != nil {
			made.Close()
		}
	}()
	made.readers = stagesReading(p)
	tensors, err := made.allocate(p, store, spec.Shared)
	if err != nil {
		return nil, err
	}
	w, err := made.watch(p, store, spec)
	if err != nil {
		return nil, err
	}
	if err = made.compile(p, tensors, w); err != nil {
		return nil, err
	}
	return made, nil
}

// Measure returns the memory in bytes that the plan of a Spec takes for inputs, outputs and intermediate values. It allocates none, and uses only the keys
// of Shared.
func Measure(dev Device, spec Spec) (int, error) {
	p, err := programOf(dev, spec)
	if err != nil {
		return 0, err
	}
	l := newLayout(p)
	for _, n := range p.order {
		v := p.nodes[n]
		if _, shared := spec.Shared[n]; v.input && !shared && (v.uses > 0 || v.kept) {
			l.keep(v)
		}
	}
	return l.arrange(), nil
}

// programOf returns the program of a Spec for a device, with fused operations and element types.
func programOf(dev Device, spec Spec) (*program, error) {
	if err := dev.Capabilities().Supports(spec.Features); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	p := newProgram(spec.Graph, spec.Stages)
	p.images = spec.Images
	for _, m := range spec.Graph.Moments() {
		if v := p.nodes[m.Node]; v != nil {
			v.kept = true
		}
	}
	p.sweep()
	if dev.Capabilities().Fuses || spec.Quantization != nil || spec.Observe != nil {
		p.fuse() // the names of values are those of fused operations
	}
	native := map[*value]bool{}
	for _, n := range spec.Native {
		native[p.nodes[n]] = true
	}
	if spec.Features != Float32 {
		p.lower(spec.Features, native)
	}
	if spec.Quantization != nil {
		if spec.Features != Float32 {
			return nil, fmt.Errorf("engine: int8 goes with float32, not with %v", spec.Features)
		}
		if err := dev.Capabilities().Int8; err != nil {
			return nil, fmt.Errorf("engine: %w", err)
		}
		if spec.LayerError == nil {
			p.quantize(spec.Quantization)
		}
	}
	return p, nil
}

// allocate assigns memory to every value: parts of one block, except for parameters and values shared with another plan.
func (plan *Plan) allocate(p *program, store *Store, shared map[*nn.Node]Tensor) (func(*value) Tensor, error) {
	l := newLayout(p)
	leaves := map[*value]Tensor{}
	for _, n := range p.order {
		v := p.nodes[n]
		var err error
		switch t, isShared := shared[n]; {
		case isShared && !v.input:
			return nil, fmt.Errorf("engine: %s cannot lie in another plan's memory: it is no input", v.name)
		case isShared:
			if !slices.Equal(t.Shape, v.Shape) || t.Type != v.Type {
				return nil, fmt.Errorf("engine: input %s is %v, the shared tensor %v", v.name, v.Desc, t.Desc)
			}
			leaves[v] = t
		case v.param != nil && v.uses > 0:
			leaves[v], err = store.Tensor(v.param, v.Type)
		case v.input && (v.uses > 0 || v.kept):
			l.keep(v)
		}
		if err != nil {
			return nil, err
		}
	}
	for part, w := range p.weights {
		bytes, scales, err := store.Bytes(part.param, part.from, part.to)
		if err != nil {
			return nil, err
		}
		leaves[w[0]], leaves[w[1]] = bytes, scales
	}
	if err := plan.take(l); err != nil {
		return nil, fmt.Errorf("engine: memory of a plan: %w", err)
	}
	tensor := func(v *value) Tensor {
		r := root(v)
		if s := l.of[r]; s != nil {
			return Tensor{Desc: v.Desc, Mem: s.mem}
		}
		t := leaves[r]
		t.Desc = v.Desc
		return t
	}
	for _, n := range p.order {
		v := p.nodes[n]
		if t := tensor(v); (v.input && t.Mem != nil) || (v.kept && (v.def != nil || isView(v))) {
			plan.memory[n] = t
		}
	}
	return tensor, nil
}

// take allocates the memory of all buffers at once.
func (plan *Plan) take(l *layout) (err error) {
	plan.bytes = l.arrange()
	if plan.arena, err = plan.dev.Alloc(plan.bytes); err != nil {
		return err
	}
	for _, s := range l.buffers {
		if s.mem, err = plan.dev.Part(plan.arena, s.at, s.bytes); err != nil {
			return err
		}
	}
	return nil
}

func (plan *Plan) compile(p *program, tensor func(*value) Tensor, w watch) error {
	for _, s := range p.steps {
		if isView(s.out) {
			continue
		}
		in := make([]Tensor, len(s.in))
		for i, v := range s.in {
			in[i] = tensor(v)
		}
		k, err := plan.dev.Kernel(s.op, in, tensor(s.out))
		if err != nil {
			return fmt.Errorf("engine: %s on %s: %w", nn.Name(s.op), plan.dev.Name(), err)
		}
		kernels, err := plan.watched(s, compiled{k, fmt.Sprintf("%s -> %v", nn.Name(s.op), s.out.Desc)}, in, tensor(s.out), w)
		if err != nil {
			k.Close()
			return err
		}
		plan.stages[s.stage] = append(plan.stages[s.stage], kernels...)
	}
	return nil
}

// RunAll runs every stage.
func (plan *Plan) RunAll() error { return plan.RunAllWithin(context.Background()) }

// RunAllWithin is RunAll that returns ctx.Err() when the context ends.
func (plan *Plan) RunAllWithin(ctx context.Context) error {
	for i := range plan.stages {
		if err := plan.RunWithin(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// Run runs one stage. The stages before it must have run.
func (plan *Plan) Run(stage int) error { return plan.RunWithin(context.Background(), stage) }

// RunWithin is Run that stops between two kernels and returns ctx.Err() when the context ends. The stage's outputs are then undefined.
func (plan *Plan) RunWithin(ctx context.Context, stage int) error {
	if stage < 0 || stage >= len(plan.stages) {
		return fmt.Errorf("engine: stage %d of a plan that has %d", stage, len(plan.stages))
	}
	return plan.dev.Do(func() error { return plan.around(stage, func() error { return plan.run(ctx, stage) }) })
}

func (plan *Plan) run(ctx context.Context, stage int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if whole := plan.record(stage); whole != nil {
		if err := whole.Run(); err != nil {
			return fmt.Errorf("engine: stage %d: %w", stage, err)
		}
		return nil
	}
	for _, k := range plan.stages[stage] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := k.Run(); err != nil {
			return fmt.Errorf("engine: %s: %w", k.name, err)
		}
	}
	return nil
}

// record captures a stage as one kernel on its second run; nil if the device cannot.
func (plan *Plan) record(stage int) Kernel {
	r := &plan.whole[stage]
	recorder, ok := plan.dev.(Recorder)
	if ok && r.ran && !r.tried && len(plan.stages[stage]) > 0 {
		r.tried = true
		kernels := make([]Kernel, len(plan.stages[stage]))
		for i, k := range plan.stages[stage] {
			kernels[i] = k.Kernel
		}
		r.kernel = recorder.Record(kernels)
	}
	r.ran = true
	return r.kernel
}

// Close frees the plan's kernels and memory. A closed plan has no stages.
func (plan *Plan) Close() error {
	for _, r := range plan.whole {
		if r.kernel != nil {
			r.kernel.Close()
		}
	}
	for _, stage := range plan.stages {
		for _, k := range stage {
			k.Close()
		}
	}
	for _, f := range plan.feeds {
		f.Close()
	}
	for _, m := range append(plan.further, plan.arena) {
		if m != nil {
			plan.dev.Free(m)
		}
	}
	plan.stages, plan.whole, plan.feeds, plan.further, plan.arena = nil, nil, nil, nil, nil
	return nil
}

// Bytes returns the memory in bytes of the plan's inputs, outputs and intermediate values.
func (plan *Plan) Bytes() int { return plan.bytes }

var errUnused = errors.New("is neither an input that the plan uses nor one of its outputs")
