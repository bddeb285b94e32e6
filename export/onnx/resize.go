package onnx

import "scalenet/nn"

// resizeMode has the attributes of Resize for a mode of package nn.
func resizeMode(mode nn.ResizeMode) attributes {
	if mode == nn.Nearest {
		return attributes{"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
	}
	return attributes{"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
}

// resizeTo resizes x (N, C, H, W) to a size, a list of two integers.
func (b *builder) resizeTo(x, size value, mode nn.ResizeMode) value {
	kept := b.op("Slice", b.shape(x), b.ints(0), b.ints(2), b.ints(0))
	return b.with("Resize", resizeMode(mode), x, "", "", b.concat(0, kept, size))
}

// sizeOf is the height and width of x (N, C, H, W), a list of two integers.
func (b *builder) sizeOf(x value) value {
	return b.op("Slice", b.shape(x), b.ints(2), b.ints(4), b.ints(0))
}

// resize translates a resize. Package backbone resizes bilinearly only where the sides are not multiples of the input's. Whether they are depends on
// the image. So a bilinear resize to a dynamic size is two here: by repeated pixels if both sides are multiples, else to the same size, and then bilinearly
// to the final size, which changes nothing in the first case.
func (n *network) resize(op nn.Resize2D, node *nn.Node) value {
	in := node.Inputs()[0]
	x := n.of(in)
	if !n.dynamic(node, 1) && !n.dynamic(node, 2) {
		return n.resizeTo(x, n.ints(op.Height, op.Width), op.Mode)
	}
	size := n.sizeOf(n.of(n.sameSize(node)))
	if op.Mode == nn.Bilinear {
		own := n.sizeOf(x)
		rest := n.with("ReduceMax", attributes{"axes": []int{0}}, n.op("Mod", size, own))
		multiple := n.op("Equal", rest, n.ints(0))
		x = n.resizeTo(x, n.op("Where", multiple, size, own), nn.Nearest)
	}
	return n.resizeTo(x, size, op.Mode)
}

// sameSize returns the nearest node before a resize that has its size in all graphs.
func (n *network) sameSize(node *nn.Node) *nn.Node {
	list := n.graphs[0].Nodes()
	for i := n.at[node] - 1; i >= 0; i-- {
		if other := list[i]; n.uses[other] > 0 && n.param(other) == nil && len(other.Shape()) == 4 && !n.folded(other) && n.equal(i, n.at[node]) {
			return other
		}
	}
	nn.Fail("the operation %s has no ONNX form: nothing before it has its size", node.Name())
	return nil
}

// equal reports whether two nodes have the same height and width in all graphs.
func (n *network) equal(i, j int) bool {
	for _, g := range n.graphs {
		a, b := g.Nodes()[i].Shape(), g.Nodes()[j].Shape()
		if a[1] != b[1] || a[2] != b[2] {
			return false
		}
	}
	return true
}
