package onnx

import (
	"fmt"
	"math"
	"slices"

	"scalenet/nn"
)

// network translates a graph of package nn. graphs are the same network for several sizes of the input; the first one is walked.
type network struct {
	*builder
	graphs []*nn.Graph
	at     map[*nn.Node]int // index in the list of nodes of the first graph
	uses   map[*nn.Node]int // by the nodes that are needed
	values map[*nn.Node]value
	detection
}

// newNetwork prepares the translation of what the outputs need; the list has the output of each graph.
func newNetwork(b *builder, graphs []*nn.Graph, out *nn.Node) *network {
	n := &network{builder: b, graphs: graphs, at: map[*nn.Node]int{}, uses: map[*nn.Node]int{out: 1}, values: map[*nn.Node]value{}}
	for i, node := range graphs[0].Nodes() {
		n.at[node] = i
	}
	for _, other := range graphs[1:] {
		n.requireSame(other)
	}
	for _, node := range slices.Backward(graphs[0].Nodes()) {
		if n.uses[node] > 0 {
			for _, in := range node.Inputs() {
				n.uses[in]++
			}
		}
	}
	return n
}

// requireSame fails if another graph has other operations: then the network depends on the size of its input in a way that is not translated.
func (n *network) requireSame(other *nn.Graph) {
	list, others := n.graphs[0].Nodes(), other.Nodes()
	if len(list) != len(others) {
		nn.Fail("the network has %d operations for one size of the input and %d for another: it cannot be exported for all sizes", len(list), len(others))
	}
	for i, node := range list {
		if a, b := fmt.Sprintf("%T", node.Op()), fmt.Sprintf("%T", others[i].Op()); a != b {
			nn.Fail("the network has the operation %s for one size of the input and %s for another: it cannot be exported for all sizes", a, b)
		}
	}
}

// of translates a node and what it needs.
func (n *network) of(node *nn.Node) value {
	if v, ok := n.values[node]; ok {
		return v
	}
	v := n.translate(node)
	n.values[node] = v
	return v
}

func (n *network) translate(node *nn.Node) value {
	if p := n.param(node); p != nil {
		return n.floats(p.name, p.shape, p.values)
	}
	in := node.Inputs()
	switch op := node.Op().(type) {
	case nn.Conv2D:
		return n.conv(op, in, n.param(in[1]), n.param(at(in, 2)))
	case nn.FrozenBatchNorm2D:
		return n.norm(op, in)
	case nn.MaxPool2D:
		return n.maxPool(op, n.of(in[0]))
	case nn.AvgPool2D:
		return n.with("AveragePool", window(op.Kernel, op.Stride, op.Pad, attributes{"count_include_pad": 1}), n.of(in[0]))
	case nn.GlobalAvgPool2D:
		return n.with("Flatten", attributes{"axis": 1}, n.op("GlobalAveragePool", n.of(in[0])))
	case nn.Linear:
		return n.linear(in)
	case nn.Concat:
		return n.joined(op, in)
	case nn.Slice:
		return n.part(op, node)
	case nn.Reshape:
		return n.reshaped(node)
	case nn.Resize2D:
		return n.resize(op, node)
	case nn.RoIAlign:
		return n.roiAlign(op, in)
	case nn.Proposals:
		return n.proposals(op, node)
	case nn.TopProposals:
		return n.topProposals(in)
	case nn.Detections:
		return n.detections(op, in)
	}
	return n.elementwise(node)
}

// elementwise translates an operation that has no attributes.
func (n *network) elementwise(node *nn.Node) value {
	var in []value
	x := func() value { return n.of(node.Inputs()[0]) }
	switch node.Op().(type) {
	case nn.ReLU:
		return n.op("Relu", x())
	case nn.Sigmoid:
		return n.op("Sigmoid", x())
	case nn.HardSigmoid:
		return n.with("HardSigmoid", attributes{"alpha": float32(1. / 6), "beta": float32(0.5)}, x())
	case nn.HardSwish:
		return n.op("HardSwish", x())
	case nn.GELU:
		erf := n.op("Erf", n.op("Div", x(), n.float(math.Sqrt2)))
		return n.op("Mul", n.op("Mul", x(), n.float(0.5)), n.op("Add", erf, n.float(1)))
	case nn.Add, nn.ScaleChannels:
		for _, i := range node.Inputs() {
			in = append(in, n.of(i))
		}
		if _, ok := node.Op().(nn.Add); ok {
			return n.op("Add", in...)
		}
		return n.op("Mul", in...)
	case nil:
		nn.Fail("the input %s has no ONNX form", node.Name())
	}
	nn.Fail("the operation %s has no ONNX form", node.Name())
	return ""
}

// at is the node of an optional input, nil if there is none.
func at(in []*nn.Node, i int) *nn.Node {
	if i < len(in) {
		return in[i]
	}
	return nil
}

// window has the attributes of a square window.
func window(kernel, stride, pad int, a attributes) attributes {
	a["kernel_shape"], a["strides"], a["pads"] = []int{kernel, kernel}, []int{stride, stride}, []int{pad, pad, pad, pad}
	return a
}

func (n *network) maxPool(op nn.MaxPool2D, x value) value {
	a := window(op.Kernel, op.Stride, op.Pad, attributes{})
	if op.Ceil {
		if op.Stride > op.Kernel {
			nn.Fail("the operation %s has no ONNX form: its last window may begin outside of its input", nn.Name(op))
		}
		a["ceil_mode"] = 1
	}
	return n.with("MaxPool", a, x)
}

func (n *network) linear(in []*nn.Node) value {
	list := []value{n.of(in[0]), n.of(in[1])}
	if len(in) == 3 {
		list = append(list, n.of(in[2]))
	}
	return n.with("Gemm", attributes{"transB": 1}, list...)
}

// channelsFirst maps an axis of (N, H, W, C) to that of (N, C, H, W).
func channelsFirst(node *nn.Node, axis int) int {
	if len(node.Shape()) != 4 {
		return axis
	}
	return []int{0, 2, 3, 1}[axis]
}

func (n *network) joined(op nn.Concat, in []*nn.Node) value {
	var list []value
	for _, i := range in {
		list = append(list, n.of(i))
	}
	return n.concat(channelsFirst(in[0], op.Axis), list...)
}

// part is a slice of a value. All rows of all RoIs are the value itself.
func (n *network) part(op nn.Slice, node *nn.Node) value {
	in := node.Inputs()[0]
	if op.From == 0 && op.To == in.Shape()[op.Axis] {
		return n.of(in)
	}
	if n.dynamic(in, op.Axis) {
		nn.Fail("the operation %s has no ONNX form: the size of its input depends on the image", nn.Name(op))
	}
	return n.slice(n.of(in), channelsFirst(in, op.Axis), op.From, op.To)
}

// dynamic reports whether the length of a dimension differs between the graphs.
func (n *network) dynamic(node *nn.Node, axis int) bool {
	for _, g := range n.graphs[1:] {
		if g.Nodes()[n.at[node]].Shape()[axis] != node.Shape()[axis] {
			return true
		}
	}
	return false
}

// reshaped moves the values of feature maps to rows, or back. The order of values in a row is that of (H, W, C).
func (n *network) reshaped(node *nn.Node) value {
	in := node.Inputs()[0]
	x, from, to := n.of(in), in.Shape(), node.Shape()
	for axis := 1; axis < len(from); axis++ {
		if n.dynamic(in, axis) {
			nn.Fail("the operation %s of %v has no ONNX form: the size of its input depends on the image", node.Name(), from)
		}
	}
	if from[0] != to[0] {
		nn.Fail("the operation %s of %v has no ONNX form: it changes the number of images", node.Name(), from)
	}
	if len(from) == 4 && from[1]*from[2] > 1 {
		x = n.transpose(x, 0, 2, 3, 1)
	}
	switch {
	case len(to) == 2:
		return n.reshape(x, -1, to[1])
	case len(to) == 4 && to[1]*to[2] == 1:
		return n.reshape(x, -1, to[3], 1, 1)
	case len(to) == 4:
		return n.transpose(n.reshape(x, -1, to[1], to[2], to[3]), 0, 3, 1, 2)
	}
	nn.Fail("the operation %s of %v has no ONNX form", node.Name(), from)
	return ""
}
