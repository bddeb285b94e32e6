package classify

import (
	"errors"
	"fmt"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/nn"
)

// Model is a classifier: its configuration, the classes it knows and its
// parameters, which all its graphs share.
type Model struct {
	Config  Config
	Classes []string
	Params  *nn.Params

	network backbone.Network
}

// New makes a model with random parameters that depend on the seed only.
func New(c Config, classes []string, seed uint64) (*Model, error) {
	return assemble(c, classes, nn.NewParams(seed))
}

// assemble makes a model whose parameters go to an empty set.
func assemble(c Config, classes []string, params *nn.Params) (*Model, error) {
	c, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	if len(classes) < 2 {
		return nil, fmt.Errorf("classify: %d classes, want at least 2", len(classes))
	}
	network, err := c.Backbone.New()
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, Classes: classes, Params: params, network: network}
	if err := nn.Build(func() { m.logits(nn.NewGraph(m.Params, false), 1) }); err != nil {
		return nil, err
	}
	m.Params.Freeze(func(p *nn.Param) bool { return c.Train.Frozen(p.Name) })
	return m, nil
}

// Metadata describes the model in its file: the resolved configuration and the
// class names.
func (m *Model) Metadata() map[string]string {
	return checkpoint.Describe(checkpoint.ClassifierKey, m.Config.YAML(), m.Classes)
}

// Save writes the model to a safetensors file.
func (m *Model) Save(path string) error {
	return checkpoint.Save(path, &checkpoint.File{Metadata: m.Metadata(), Tensors: m.Params.Tensors()})
}

// Init takes from a file the parameters that have the model's names and shapes
// and reports what matched, was missing, left over or of another shape.
func (m *Model) Init(path string) (checkpoint.Report, error) { return m.Params.Load(path) }

// Load reads a model that Save or a training wrote. The parameters that its
// configuration needs are held against the tensors of the file before any memory
// is taken for them.
func Load(path string, options ...checkpoint.Option) (*Model, error) {
	r, err := checkpoint.Open(path, options...)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return read(r)
}

// read is Load of an opened file.
func read(r *checkpoint.Reader) (*Model, error) {
	path := r.Path()
	text, ok, err := checkpoint.Config(r.Metadata(), checkpoint.ClassifierKey)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !ok {
		return nil, errors.New(path + ": no classifier's configuration in the file")
	}
	c, err := Parse([]byte(text), path)
	if err != nil {
		return nil, err
	}
	classes, err := r.Classes()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := assemble(c, classes, nn.NewShapesFor(len(r.Infos())))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	report, err := m.Params.Take(r)
	if err != nil {
		return nil, err
	}
	if err := report.Err(path); err != nil {
		return nil, err
	}
	return m, nil
}
