package engine

import (
	"fmt"
	"reflect"
	"slices"

	"scalenet/nn"
)

// Tensor returns the tensor of an input or output, for other plans to share.
func (plan *Plan) Tensor(n *nn.Node) (Tensor, bool) {
	t, ok := plan.memory[n]
	return t, ok
}

// Write sets an input: a []float32, []int32 or []uint8 (or []float64 in a float64
// graph) of the node's size. Inputs that no output depends on are ignored.
func (plan *Plan) Write(n *nn.Node, data any) error {
	t, ok := plan.memory[n]
	if !ok {
		if slices.Contains(plan.graph.Inputs(), n) {
			return nil
		}
		return fmt.Errorf("engine: %s %w", n.Name(), errUnused)
	}
	if !fits(data, t.Desc) {
		return fmt.Errorf("engine: %s for input %s, which is %v", describe(data), n.Name(), t.Desc)
	}
	return plan.dev.Write(t.Mem, data)
}

// Read copies an output into a slice of the node's size and type. Reading a native bfloat16 or float16 output is an error.
func (plan *Plan) Read(n *nn.Node, into any) error {
	t, err := plan.readable(n, into)
	if err != nil {
		return err
	}
	return plan.dev.Read(into, t.Mem)
}

// readable returns the tensor of an output; an error if it does not fit the slice.
func (plan *Plan) readable(n *nn.Node, into any) (t Tensor, err error) {
	t, ok := plan.memory[n]
	if !ok {
		return t, fmt.Errorf("engine: %s %w", n.Name(), errUnused)
	}
	if t.Type.Is16Bit() {
		return t, fmt.Errorf("engine: output %s is %v: keep it on the device or leave it out of Native", n.Name(), t.Desc)
	}
	if !fits(into, t.Desc) {
		return t, fmt.Errorf("engine: %s for output %s, which is %v", describe(into), n.Name(), t.Desc)
	}
	return t, nil
}

// fits reports whether a slice has the size and type of a tensor.
func fits(data any, d Desc) bool {
	n := d.Shape.TotalSize()
	switch s := data.(type) {
	case []float32:
		return d.Type == Float32 && len(s) == n
	case []float64:
		return d.Type == Float64 && len(s) == n
	case []int32:
		return d.Type == Int32 && len(s) == n
	case []uint8:
		return d.Type == UInt8 && len(s) == n
	}
	return false
}

// describe returns a slice's size and type for messages: "6 values of []float32".
func describe(data any) string {
	if v := reflect.ValueOf(data); v.Kind() == reflect.Slice {
		return fmt.Sprintf("%d values of %T", v.Len(), data)
	}
	return fmt.Sprintf("%T", data)
}
