package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"scalenet/export/onnx/internal/onnxpb"
)

// value is the name of a value of the graph.
type value string

// attributes are those of an operation: int, []int, float32 or string.
type attributes map[string]any

// builder writes a graph. An operation on the same inputs with the same attributes is written once.
type builder struct {
	graph *onnxpb.GraphProto
	known map[string][]value // outputs of an operation, or a constant, by its text
	taken map[string]bool
	count map[string]int // of the outputs of each operation
}

func newBuilder(name string) *builder {
	return &builder{
		graph: &onnxpb.GraphProto{Name: proto.String(name)},
		known: map[string][]value{}, taken: map[string]bool{}, count: map[string]int{},
	}
}

// op adds an operation with one output and without attributes.
func (b *builder) op(kind string, in ...value) value { return b.with(kind, nil, in...) }

// with adds an operation with one output.
func (b *builder) with(kind string, a attributes, in ...value) value {
	return b.outputs(kind, 1, a, in...)[0]
}

// outputs adds an operation with n outputs.
func (b *builder) outputs(kind string, n int, a attributes, in ...value) []value {
	key := fmt.Sprint(kind, n, a, in) // fmt sorts the keys of maps
	if out, ok := b.known[key]; ok {
		return out
	}
	node := &onnxpb.NodeProto{OpType: proto.String(kind), Name: proto.String(fmt.Sprintf("%s_%d", kind, b.count[kind]))}
	b.count[kind]++
	for _, v := range in {
		node.Input = append(node.Input, string(v))
	}
	var out []value
	for i := range n {
		name := *node.Name
		if n > 1 {
			name = fmt.Sprintf("%s.%d", name, i)
		}
		out = append(out, b.take(name))
		node.Output = append(node.Output, name)
	}
	for _, name := range slices.Sorted(keys(a)) {
		node.Attribute = append(node.Attribute, attribute(name, a[name]))
	}
	b.graph.Node = append(b.graph.Node, node)
	b.known[key] = out
	return out
}

// keys iterates over the names of attributes.
func keys(a attributes) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range a {
			if !yield(k) {
				return
			}
		}
	}
}

// rename gives a value the name of an output of the graph.
func (b *builder) rename(v value, name string) { b.output(b.op("Identity", v), name) }

// output changes the name of the output of the last operation.
func (b *builder) output(v value, name string) {
	node := b.graph.Node[len(b.graph.Node)-1]
	if len(node.Output) != 1 || node.Output[0] != string(v) {
		panic("onnx: the value " + string(v) + " is not that of the last operation")
	}
	node.Output[0] = string(b.take(name))
}

// take reserves a name.
func (b *builder) take(name string) value {
	if b.taken[name] {
		panic("onnx: two values of the name " + name)
	}
	b.taken[name] = true
	return value(name)
}

func attribute(name string, v any) *onnxpb.AttributeProto {
	a := &onnxpb.AttributeProto{Name: proto.String(name)}
	switch v := v.(type) {
	case int:
		a.Type, a.I = onnxpb.AttributeProto_INT.Enum(), proto.Int64(int64(v))
	case []int:
		a.Type = onnxpb.AttributeProto_INTS.Enum()
		for _, i := range v {
			a.Ints = append(a.Ints, int64(i))
		}
	case float32:
		a.Type, a.F = onnxpb.AttributeProto_FLOAT.Enum(), proto.Float32(v)
	case string:
		a.Type, a.S = onnxpb.AttributeProto_STRING.Enum(), []byte(v)
	default:
		panic(fmt.Sprintf("onnx: attribute %s of type %T", name, v))
	}
	return a
}

// The element types of values.
const (
	float32Type = onnxpb.TensorProto_FLOAT
	float64Type = onnxpb.TensorProto_DOUBLE
	int32Type   = onnxpb.TensorProto_INT32
	int64Type   = onnxpb.TensorProto_INT64
	uint8Type   = onnxpb.TensorProto_UINT8
)

// cast converts a value to another type.
func (b *builder) cast(x value, to onnxpb.TensorProto_DataType) value {
	return b.with("Cast", attributes{"to": int(to)}, x)
}

// tensor adds a constant under a name of its own.
func (b *builder) tensor(name string, kind onnxpb.TensorProto_DataType, shape []int, raw []byte) value {
	t := &onnxpb.TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(kind)), RawData: raw}
	for _, d := range shape {
		t.Dims = append(t.Dims, int64(d))
	}
	b.graph.Initializer = append(b.graph.Initializer, t)
	return b.take(name)
}

// floats adds a constant of float32 values under a name of its own.
func (b *builder) floats(name string, shape []int, values []float32) value {
	raw := make([]byte, 0, 4*len(values))
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return b.tensor(name, float32Type, shape, raw)
}

// constant is a small constant, which is named by its values and written once.
func (b *builder) constant(kind onnxpb.TensorProto_DataType, shape []int, values []float64) value {
	text := strings.ReplaceAll(strings.Trim(fmt.Sprint(values), "[]"), " ", ",")
	name := fmt.Sprintf("%s[%s]", strings.ToLower(kind.String()), text)
	if len(shape) != 1 || len(text) > 60 {
		name = fmt.Sprintf("%s%v%d", strings.ToLower(kind.String()), shape, len(b.known))
	}
	key := fmt.Sprint("constant", kind, shape, values)
	if v, ok := b.known[key]; ok {
		return v[0]
	}
	var raw []byte
	for _, v := range values {
		switch kind {
		case float32Type:
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		case float64Type:
			raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(v))
		case int32Type:
			raw = binary.LittleEndian.AppendUint32(raw, uint32(int32(v)))
		default:
			raw = binary.LittleEndian.AppendUint64(raw, uint64(int64(v)))
		}
	}
	v := b.tensor(name, kind, shape, raw)
	b.known[key] = []value{v}
	return v
}

// ints is a constant list of integers. A number is a list of one.
func (b *builder) ints(list ...int) value {
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = float64(v)
	}
	return b.constant(int64Type, []int{len(list)}, values)
}

// float is a constant list of float32 values.
func (b *builder) float(list ...float32) value {
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = float64(v)
	}
	return b.constant(float32Type, []int{len(list)}, values)
}

// double is a constant list of float64 values.
func (b *builder) double(list ...float64) value {
	return b.constant(float64Type, []int{len(list)}, list)
}
