package detector

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/coco/threshold"
	"scalenet/engine"
	"scalenet/nn"
)

// Model is a detector: its configuration, class names and parameters, which all its graphs share.
type Model struct {
	Config  Config
	Classes []string // class k of a Detection is Classes[k-1]
	Params  *nn.Params
	// Digest identifies the file that the model was loaded from; zero for New.
	Digest checkpoint.Digest
	// Thresholds are the score thresholds that an evaluation has chosen for these parameters; nil if there are none.
	Thresholds *threshold.Chosen
	// Quantization is how the network computes on bytes; nil for a model that is not quantized. See Options.Quantization.
	Quantization *engine.Quantization

	network backbone.Network
	// stages maps a parameter's name to its stage in the backbone. 0 is the stem; parameters of the heads have the last stage + 1.
	stages map[string]int
}

// New returns a model with random parameters. The same configuration, classes and seed give the same parameters. Classes that [Load] would refuse are an
// error.
func New(c Config, classes []string, seed uint64) (*Model, error) {
	if err := checkpoint.CheckClasses(classes); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	return assemble(c, classes, nn.NewParams(seed))
}

// FromTensors returns a model whose parameters are exactly the given tensors, see [nn.Params.Fill]. It allocates no memory for tensors that do not fit.
func FromTensors(c Config, classes []string, tensors map[string]checkpoint.Tensor) (*Model, error) {
	m, err := assemble(c, classes, nn.NewShapesFor(len(tensors)))
	if err != nil {
		return nil, err
	}
	return m, m.Params.Fill(tensors)
}

// assemble returns a model and adds its parameters to params, which is empty.
func assemble(c Config, classes []string, params *nn.Params) (*Model, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	if len(classes) == 0 {
		return nil, errors.New("detector: no classes")
	}
	network, err := c.Backbone.New()
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, Classes: classes, Params: params, network: network, stages: map[string]int{}}
	if err := nn.Build(m.declare); err != nil {
		return nil, err
	}
	m.Params.Freeze(m.frozen)
	return m, nil
}

// declare builds the network once, which creates all parameters, and records the stage of each parameter.
func (m *Model) declare() {
	side, last := m.PadTo(1), m.Config.lastStage()
	g := nn.NewGraph(m.Params, false)
	heads := m.network.Stages() + 1
	note := func(stage int) {
		for _, p := range m.Params.All()[len(m.stages):] {
			m.stages[p.Name] = stage
		}
	}
	x := m.network.Stem(g, g.Features("input", 1, side, side, 3))
	note(0)
	for s := 1; s <= last; s++ {
		x = m.network.Stage(g, x, s)
		note(s)
	}
	p := m.proposing(g, batchSize{1, side, side}, 1, 0)
	note(heads)
	if m.Config.RoI.BoxHead == nil {
		size := m.Config.RoI.Align.Size
		m.network.Stage(g, g.Features("pooled", 1, size, size, x.Shape()[3]), last+1)
		note(last + 1)
	}
	m.boxHead(g, p.features, p.proposals)
	note(heads)
}

// WithTestSize returns a model with the same parameters and another input size, see [Config.WithTestSize].
func (m *Model) WithTestSize(shorter, longest int) *Model {
	resized := *m
	resized.Config = m.Config.WithTestSize(shorter, longest)
	return &resized
}

// PadTo returns the padded length of a height or width in pixels: a multiple of Input.Divisor, and large enough that no feature map is empty.
func (m *Model) PadTo(side int) int {
	d := m.Config.Input.Divisor
	side = max(side, m.network.MinSide(m.Config.lastStage()))
	return (side + d - 1) / d * d
}

// frozen reports whether the configuration freezes a parameter.
func (m *Model) frozen(p *nn.Param) bool {
	f := m.Config.Frozen
	if f.Norms && p.Kind >= nn.NormWeight {
		return true
	}
	return m.Config.Train.Frozen(p.Name) || m.stages[p.Name] <= f.Stages
}

// Metadata returns the resolved configuration and the class names as metadata of a file. It leaves out Thresholds and Quantization, which would be wrong for a file with
// other parameters, such as those that a training run writes.
func (m *Model) Metadata() map[string]string {
	return checkpoint.Describe(checkpoint.DetectorKey, m.Config.YAML(), m.Classes)
}

// Tensors returns the model's parameters with their names.
func (m *Model) Tensors() []checkpoint.Tensor { return m.Params.Tensors() }

// Save writes the model, with its Thresholds and its Quantization, to a safetensors file.
func (m *Model) Save(path string) error {
	metadata := m.Metadata()
	if m.Thresholds != nil {
		metadata[checkpoint.ThresholdsKey] = thresholdsText(m.Thresholds)
	}
	if m.Quantization != nil {
		metadata[checkpoint.QuantizationKey] = m.Quantization.Text()
	}
	return checkpoint.Save(path, &checkpoint.File{Metadata: metadata, Tensors: m.Tensors()})
}

// Load reads a model file that Save or a training run wrote, see [nn.ReadModel].
func Load(path string, options ...checkpoint.Option) (*Model, error) {
	r, err := checkpoint.Open(path, options...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return read(r)
}

// read is Load of an opened file.
func read(r *checkpoint.Reader) (m *Model, err error) {
	err = nn.ReadModel(r, checkpoint.DetectorKey, Parse, func(c Config, classes []string, params *nn.Params) (err error) {
		m, err = assemble(c, classes, params)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m.Thresholds, err = readThresholds(r.Metadata(), m.Classes); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path(), err)
	}
	if m.Quantization, err = engine.ReadQuantization(r.Metadata(), checkpoint.QuantizationKey); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path(), err)
	}
	m.Digest, err = r.Digest()
	return m, err
}

// Init copies the parameters in a file whose names and shapes match the model's. The report lists matched keys, missing keys, unexpected keys
// and keys of another shape.
func (m *Model) Init(path string) (checkpoint.Report, error) { return m.Params.Load(path) }

// FloatWeights returns the names of the weights that a Quantization leaves in float: those of the predictors of objectness, classes and deltas.
func (m *Model) FloatWeights() (names []string) {
	for _, p := range m.Params.All() {
		if p.Kind != nn.Weight {
			continue
		}
		predicts := slices.ContainsFunc([]string{".cls_logits.", ".cls_score.", ".bbox_pred."}, func(part string) bool { return strings.Contains(p.Name, part) })
		if predicts {
			names = append(names, p.Name)
		}
	}
	return names
}
