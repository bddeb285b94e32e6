package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"scalenet/nn"
)

// Quantization says which values of a network are bytes, and how.
type Quantization struct {
	// Values are the Quants of values by their names, see [Spec.Observe].
	Values map[string]Quant `json:"values"`
	// Float are the names of weights whose convolutions and linear layers stay in float.
	Float []string `json:"float,omitempty"`
}

// Text returns q as JSON, for the metadata of a model file.
func (q *Quantization) Text() string {
	text, err := json.Marshal(q)
	if err != nil {
		panic(err) // finite numbers and strings: cannot fail
	}
	return string(text)
}

// maxQuantization is the maximum size of a Quantization in bytes. That of ScaleNet-152 has fewer than 30,000.
const maxQuantization = 1 << 20

// ReadQuantization reads what Text wrote from metadata under a key. It returns nil if there is none.
func ReadQuantization(metadata map[string]string, key string) (*Quantization, error) {
	text, ok := metadata[key]
	if !ok {
		return nil, nil
	}
	if len(text) > maxQuantization {
		return nil, fmt.Errorf("metadata %s: %d bytes, at most %d", key, len(text), maxQuantization)
	}
	q := new(Quantization)
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", key, err)
	}
	if d.More() {
		return nil, fmt.Errorf("metadata %s: text after the end", key)
	}
	if len(q.Values) == 0 {
		return nil, fmt.Errorf("metadata %s: no values", key)
	}
	for _, name := range slices.Sorted(maps.Keys(q.Values)) {
		if err := q.Values[name].Check(); err != nil {
			return nil, fmt.Errorf("metadata %s: value %.80q: %w", key, name, err)
		}
	}
	return q, nil
}

// names are the names of a program's values: that of an input, of a convolution's or linear layer's weight with the part of the channels, and for other
// operations their type with the name of the first input, such as "ResizeBlock +relu(layer1.0.conv3.weight[9:14])". They do not depend on the
// size of the input, but the operations can: a size that was not calibrated may have values without a name that is known, which stay in float. Values computed from the same parameters, such as a head's on several levels, share a name. The result of a max
// pool or a reshape has the name of its input.
type names map[*value]string

func namesOf(p *program) names {
	n := names{}
	for _, s := range p.steps {
		for _, v := range s.in {
			if v.input {
				n[v] = v.name
			}
		}
		if weight, ok := weightName(s); ok {
			n[s.out] = weight + ending(s.op)
			continue
		}
		for _, v := range s.in {
			if name := n[v]; name != "" {
				n[s.out] = derived(s.op, name)
				break
			}
		}
	}
	return n
}

func derived(op nn.Op, of string) string {
	switch op.(type) {
	case nn.MaxPool2D, nn.Reshape:
		return of
	}
	return fmt.Sprintf("%s%s(%s)", nn.TypeName(op), ending(op), of)
}

// ending says what a block does after its convolution or resize, which can depend on the size of the input: a ReLU moves before or behind a resize.
func ending(op nn.Op) (text string) {
	switch op := op.(type) {
	case ConvBlock:
		text = sumText(op.Residual) + string(op.Activation)
	case ResizeBlock:
		text = sumText(op.Residual)
		if op.ReLU {
			text += string(ReLU)
		}
	}
	if text != "" {
		text = " " + text
	}
	return text
}

func sumText(residual bool) string {
	if residual {
		return "+"
	}
	return ""
}

// weightName names the parameter, and the part of it, that a convolution or linear layer multiplies with.
func weightName(s *step) (string, bool) {
	switch op := s.op.(type) {
	case ConvBlock:
		if s.in[1].param == nil {
			return "", false
		}
		if op.To > 0 {
			return fmt.Sprintf("%s[%d:%d]", s.in[1].param.Name, op.From, op.To), true
		}
		return s.in[1].param.Name, true
	case nn.Linear:
		if s.in[1].param != nil {
			return s.in[1].param.Name, true
		}
	}
	return "", false
}

// quantizing is a fused float32 program being made to compute on bytes.
type quantizing struct {
	names
	by      *Quantization
	integer map[*step]bool    // steps that will compute on bytes
	wanted  map[*value]bool   // values that are multiplied as bytes, perhaps after a max pool
	floats  map[*value]bool   // values that something reads as floats
	copies  map[*value]*value // of values, as bytes
	weights map[weightRange][2]*value
	steps   []*step
}

// quantize puts operations on bytes in the place of the convolutions and linear layers whose inputs have a Quant, and of the max pools and resizes
// before them. What is only added up stays in float32, because a sum of bytes would have the rounding errors of its terms. Between floats and bytes it
// inserts Quantize and Dequantize where the operations before and after do not convert.
func (p *program) quantize(by *Quantization) {
	q := quantizing{names: namesOf(p), by: by, integer: map[*step]bool{}, wanted: map[*value]bool{}, floats: map[*value]bool{}, copies: map[*value]*value{}, weights: map[weightRange][2]*value{}}
	for _, s := range p.steps {
		q.integer[s] = q.fits(s)
	}
	for _, s := range slices.Backward(p.steps) {
		q.want(s)
	}
	for _, s := range p.steps {
		for i, v := range s.in {
			q.floats[v] = q.floats[v] || !q.readsBytes(s, i)
		}
	}
	for _, s := range p.steps {
		if q.integer[s] {
			q.convert(s)
		} else {
			q.steps = append(q.steps, s)
		}
	}
	p.steps, p.weights = q.steps, q.weights
	p.joinSums()
	p.recount()
}

// of is the Quant of a value; not On if it has none.
func (q *quantizing) of(v *value) Quant { return q.by.Values[q.names[v]] }

// fits reports whether a step can compute on bytes.
func (q *quantizing) fits(s *step) bool {
	switch op := s.op.(type) {
	case ConvBlock:
		return op.Conv2D.Groups == 1 && (op.Activation == "" || op.Activation == ReLU) && q.multiplies(s)
	case nn.Linear:
		return q.multiplies(s)
	case ResizeBlock:
		return op.More < maxResizes && q.of(s.out).On()
	case nn.MaxPool2D:
		return q.of(s.in[0]).On() && s.in[0].def != nil && q.integer[s.in[0].def]
	}
	return false
}

// multiplies reports whether the input of a convolution or linear layer has a Quant, and its weight is not one that stays in float, or is quantized in other
// parts.
func (q *quantizing) multiplies(s *step) bool {
	_, ok := weightName(s)
	if !ok || !q.of(s.in[0]).On() || slices.Contains(q.by.Float, s.in[1].param.Name) {
		return false
	}
	w := weightPart(s)
	return !w.param.Quantized() || slices.ContainsFunc(w.param.Parts, func(p nn.Part) bool { return p.From == w.from && p.To == w.to })
}

// want notes what a step multiplies, after the steps that read its result. Max pools and resizes whose result is not multiplied stay in float.
func (q *quantizing) want(s *step) {
	switch s.op.(type) {
	case ResizeBlock:
		q.integer[s] = q.integer[s] && q.wanted[s.out]
		return
	case nn.MaxPool2D:
		q.integer[s] = q.integer[s] && q.wanted[s.out]
	}
	if q.integer[s] {
		q.wanted[s.in[0]] = true
	}
}

// readsBytes reports whether a step reads input i as bytes. What it adds up it reads as bytes if they are there anyway; of a resize's inputs, all or none.
func (q *quantizing) readsBytes(s *step, i int) bool {
	there := func(v *value) bool { return q.wanted[v] && v.def != nil && q.integer[v.def] }
	if !q.integer[s] || s.in[i].param != nil {
		return false
	}
	if op, ok := s.op.(ResizeBlock); ok {
		if i < op.ResidualAt() {
			return !slices.ContainsFunc(s.in[:op.ResidualAt()], func(v *value) bool { return !there(v) })
		}
		return there(s.in[i])
	}
	return i == 0 || there(s.in[i])
}

// convert makes a step compute on bytes.
func (q *quantizing) convert(s *step) {
	in, quants := slices.Clone(s.in), make([]Quant, len(s.in))
	for i, v := range s.in {
		if q.readsBytes(s, i) {
			in[i], quants[i] = q.asBytes(v, s.stage), q.of(v)
		}
	}
	y := Quant{}
	if q.wanted[s.out] {
		y = q.of(s.out)
	}
	switch s.op.(type) {
	case ConvBlock, nn.Linear:
		bytes, scales := q.weight(weightPart(s))
		in[1] = bytes
		in = append(in, scales)
	}
	op := onBytes(s.op, quants, y)
	if !y.On() {
		s.op, s.in = op, in
		q.steps = append(q.steps, s)
		return
	}
	out := q.newBytes(s.out, &step{op: op, in: in, stage: s.stage})
	if q.floats[s.out] || s.out.kept {
		s.op, s.in = Dequantize{From: y}, []*value{out}
		q.steps = append(q.steps, s)
	}
}

// weightRange is the input channels [from, to) of a weight.
type weightRange struct {
	param    *nn.Param
	from, to int
}

// weightPart is what a convolution or linear layer multiplies with.
func weightPart(s *step) weightRange {
	p := weightRange{param: s.in[1].param, to: s.in[1].Shape[1]}
	if op, ok := s.op.(ConvBlock); ok && op.To > 0 {
		p.from, p.to = op.From, op.To
	}
	return p
}

// weight is a part of a parameter as bytes, and their scales.
func (q *quantizing) weight(p weightRange) (bytes, scales *value) {
	w, ok := q.weights[p]
	if !ok {
		name, shape := p.param.PartName(p.from, p.to), p.param.Shape.Clone()
		shape[1] = p.to - p.from
		w = [2]*value{
			{Desc: Desc{shape, UInt8}, role: nn.Byte, name: name + " (bytes)", param: p.param},
			{Desc: Desc{shape[:1], Float32}, role: nn.Parameter, name: name + " (scales)", param: p.param},
		}
		q.weights[p] = w
	}
	return w[0], w[1]
}

// onBytes is what an operation becomes, with the Quants of the inputs, which are not On for floats and parameters, and that of the result.
func onBytes(op nn.Op, in []Quant, y Quant) nn.Op {
	residual := func(on bool, at int) Quant {
		if on {
			return in[at]
		}
		return Quant{}
	}
	switch op := op.(type) {
	case ConvBlock:
		op.From, op.To = 0, 0
		return Int8Conv{Block: op, X: in[0], Residual: residual(op.Residual, op.ResidualAt()), Y: y}
	case nn.Linear:
		return Int8Linear{Bias: len(in) == 3, X: in[0]}
	case ResizeBlock:
		r := Int8Resize{Block: op, Residual: residual(op.Residual, op.ResidualAt()), Y: y}
		copy(r.X[:], in[:op.ResidualAt()])
		return r
	}
	return MaxPoolBytes{MaxPool2D: op.(nn.MaxPool2D)}
}

// asBytes is a value as bytes, rounded by an inserted step if necessary.
func (q *quantizing) asBytes(v *value, stage int) *value {
	if b := q.copies[v]; b != nil {
		return b
	}
	return q.newBytes(v, &step{op: Quantize{To: q.of(v)}, in: []*value{v}, stage: stage})
}

// newBytes adds a step that computes a value as bytes.
func (q *quantizing) newBytes(v *value, s *step) *value {
	s.out = &value{Desc: Desc{v.Shape, UInt8}, role: nn.Byte, name: v.name + " (bytes)", def: s}
	q.copies[v] = s.out
	q.steps = append(q.steps, s)
	return s.out
}

// recount counts anew how often values are read.
func (p *program) recount() {
	for _, v := range p.nodes {
		v.uses = 0
	}
	for _, s := range p.steps {
		s.out.uses = 0
		for _, v := range s.in {
			v.uses = 0
		}
	}
	for _, s := range p.steps {
		for _, v := range s.in {
			v.uses++
		}
	}
}
