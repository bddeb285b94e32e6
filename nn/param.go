package nn

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
)

// Kind is the kind of a parameter, on which weight decay, freezing and training depend.
type Kind uint8

const (
	// Weight is a convolution's or linear layer's weight.
	Weight Kind = iota
	// Bias is a convolution's or linear layer's bias.
	Bias
	// NormWeight and NormBias are BatchNorm's weight and bias.
	NormWeight
	NormBias
	// NormMean and NormVariance are BatchNorm's running statistics, which are not trainable.
	NormMean
	NormVariance
)

// Learned reports whether parameters of the kind are trainable, that is have gradients.
func (k Kind) Learned() bool { return k != NormMean && k != NormVariance }

// Param is a named array of a model.
type Param struct {
	Name  string // as in the PyTorch state dict
	Shape Shape
	Kind  Kind
	Data  []float32
	// Parts are the values of a quantized weight, whose Data is nil. They cover all input channels.
	Parts []Part
	// Frozen parameters are not trained. A BatchNorm whose weight is frozen is a FrozenBatchNorm: it normalises by its running statistics, in training
	// too, and does not update them.
	Frozen bool
}

// Params is the ordered set of a model's parameters, shared by all its graphs.
type Params struct {
	seed   uint64
	shapes bool // parameters have no values
	most   int  // of parameters; 0 is no bound
	list   []*Param
	by     map[string]*Param
}

// NewParams returns an empty set. The initial values of a parameter depend only on the seed and the parameter's name, not on the order of building.
func NewParams(seed uint64) *Params { return &Params{seed: seed, by: map[string]*Param{}} }

// NewShapes returns an empty set whose parameters have names and shapes but no values, to count them.
func NewShapes() *Params { return &Params{shapes: true, by: map[string]*Param{}} }

// NewShapesFor is [NewShapes] for the network of a file with so many tensors. Building a network with far more parameters fails early, so that a damaged
// file cannot take more memory than its size.
func NewShapesFor(tensors int) *Params {
	p := NewShapes()
	p.most = 2*tensors + 1000
	return p
}

// All returns the parameters in the order in which the model uses them.
func (p *Params) All() []*Param { return p.list }

// Get returns the parameter with a name, or nil.
func (p *Params) Get(name string) *Param { return p.by[name] }

// Count returns the number of values in trainable parameters, without running statistics.
func (p *Params) Count() (n int) {
	for _, q := range p.list {
		if q.Kind.Learned() {
			n += q.Shape.TotalSize()
		}
	}
	return n
}

// Freeze sets Frozen of every parameter to the result of the function.
func (p *Params) Freeze(frozen func(*Param) bool) {
	for _, q := range p.list {
		q.Frozen = frozen(q)
	}
}

// ensure returns the parameter with a name, and adds it with its initial values if necessary.
func (p *Params) ensure(name string, kind Kind, init Init, shape Shape) *Param {
	if q := p.by[name]; q != nil {
		if !slices.Equal(q.Shape, shape) {
			Fail("parameter %s has shape %v, this graph needs %v", name, q.Shape, shape)
		}
		return q
	}
	if p.most > 0 && len(p.list) >= p.most {
		Fail("the network has more than %d parameters, far more than the file has tensors", p.most)
	}
	q := &Param{Name: name, Shape: shape.Clone(), Kind: kind}
	if !p.shapes {
		q.Data = make([]float32, shape.TotalSize())
		h := fnv.New64a()
		fmt.Fprint(h, name)
		init(rand.New(rand.NewPCG(p.seed, h.Sum64())), q.Data, shape)
	}
	p.list = append(p.list, q)
	p.by[name] = q
	return q
}

// Init fills a new parameter.
type Init func(random *rand.Rand, data []float32, shape Shape)

// Normal draws from N(0, std).
func Normal(std float64) Init {
	return func(random *rand.Rand, data []float32, _ Shape) {
		for i := range data {
			data[i] = float32(random.NormFloat64() * std)
		}
	}
}

// HeFanOut draws convolution weights from N(0, std) with std = sqrt(2 / (K K Cout)), as the authors of ScaleNet do.
func HeFanOut(random *rand.Rand, data []float32, s Shape) {
	Normal(math.Sqrt(2/float64(s[0]*s[2]*s[3])))(random, data, s)
}

// UniformFanIn draws from U(-1/sqrt(in), 1/sqrt(in)), PyTorch's default for
// linear layers.
func UniformFanIn(in int) Init {
	return func(random *rand.Rand, data []float32, _ Shape) {
		bound := 1 / math.Sqrt(float64(in))
		for i := range data {
			data[i] = float32((2*random.Float64() - 1) * bound)
		}
	}
}

// Constant fills with a value.
func Constant(v float32) Init {
	return func(_ *rand.Rand, data []float32, _ Shape) {
		for i := range data {
			data[i] = v
		}
	}
}
