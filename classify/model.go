package classify

import (
	"fmt"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/nn"
)

// Model is a classifier: its configuration, class names and parameters.
type Model struct {
	Config  Config
	Classes []string
	Params  *nn.Params
	// Quantization is how the network computes on bytes; nil for a model that is not quantized. See Options.Quantization.
	Quantization *engine.Quantization

	network backbone.Network
}

// New returns a model with randomly initialised parameters, which depend only on seed.
// Classes that [Load] would refuse are an error.
func New(c Config, classes []string, seed uint64) (*Model, error) {
	if err := checkpoint.CheckClasses(classes); err != nil {
		return nil, fmt.Errorf("classify: %w", err)
	}
	return assemble(c, classes, nn.NewParams(seed))
}

// assemble returns a model, and adds its parameters to params, which must be empty.
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

// Metadata returns the metadata of the model file: the resolved configuration and the
// class names. It leaves out Quantization, which would be wrong for other parameters.
func (m *Model) Metadata() map[string]string {
	return checkpoint.Describe(checkpoint.ClassifierKey, m.Config.YAML(), m.Classes)
}

// Save writes the model, with its Quantization, to a safetensors file.
func (m *Model) Save(path string) error {
	metadata := m.Metadata()
	if m.Quantization != nil {
		metadata[checkpoint.QuantizationKey] = m.Quantization.Text()
	}
	return checkpoint.Save(path, &checkpoint.File{Metadata: metadata, Tensors: m.Params.Tensors()})
}

// Init loads the parameters in a file whose name and shape match. The report lists
// matched, missing and unexpected keys, and shapes that differ.
func (m *Model) Init(path string) (checkpoint.Report, error) { return m.Params.Load(path) }

// Load reads a model file written by Save or by a training run, see [nn.ReadModel].
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
	err = nn.ReadModel(r, checkpoint.ClassifierKey, Parse, func(c Config, classes []string, params *nn.Params) (err error) {
		m, err = assemble(c, classes, params)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m.Quantization, err = engine.ReadQuantization(r.Metadata(), checkpoint.QuantizationKey); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path(), err)
	}
	return m, nil
}
