package optest

import (
	"scalenet/nn"
)

// add draws an operation on what is there.
func (g *randomGraph) add() {
	x := g.pick()
	s := x.Shape()
	var y *nn.Node
	switch g.draw(12) {
	case 0:
		y = g.conv(x)
	case 1:
		y = g.sharedConv(x)
	case 2:
		y = g.norm(g.conv(x))
	case 3:
		y = g.norm(x)
	case 4:
		y = nn.Relu(x)
	case 5:
		y = nn.Sum(x, g.like(x, true))
	case 6:
		y = nn.Relu(nn.Sum(g.like(x, true), g.norm(g.conv(x)), g.like(x, true)))
	case 7:
		y = nn.Concatenate(3, x, g.like(x, false))
		if s := y.Shape(); s[3] > 2*channels0 {
			y = nn.Apply(nn.Slice{Axis: 3, From: 1, To: 1 + channels0}, y)
		}
	case 8:
		y = g.resized(x)
	case 9:
		flat := nn.Reshaped(x, s[0], s[1]*s[2]*s[3])
		if g.draw(2) == 0 {
			flat = nn.Relu(flat)
		}
		y = nn.Reshaped(flat, s[0], s[2], s[1], s[3])
	case 10:
		gate := g.conv(nn.Reshaped(nn.GlobalAvgPool(x), s[0], 1, 1, s[3]))
		y = nn.Apply(nn.ScaleChannels{}, x, nn.Apply(nn.Sigmoid{}, gate))
		if g.draw(2) == 0 {
			y = nn.Relu(nn.Sum(y, g.like(x, true)))
		}
	case 11:
		y = nn.Apply(nn.HardSwish{}, g.norm(g.conv(x)))
	}
	g.nodes = append(g.nodes, y)
}

// conv keeps the shape.
func (g *randomGraph) conv(x *nn.Node) *nn.Node {
	c := x.Shape()[3]
	op := nn.Conv2D{Stride: 1, Pad: g.draw(2), Groups: 1}
	if c%2 == 0 && g.draw(3) == 0 {
		op.Groups = 2
	}
	if g.draw(3) == 0 {
		return g.BiasedConv(x, g.name("biased"), c, 1+2*op.Pad, op, 1)
	}
	return g.Conv(x, g.name("conv"), c, 1+2*op.Pad, op)
}

// sharedConv is a convolution by a part of a weight that others have parts of.
func (g *randomGraph) sharedConv(x *nn.Node) *nn.Node {
	c, most := x.Shape()[3], 3*channels0
	w := g.Param("shared.weight", nn.Weight, nn.HeFanOut, channels0, most, 1, 1)
	from := g.draw(most - c + 1)
	return nn.Conv(x, nn.Apply(nn.Slice{Axis: 1, From: from, To: from + c}, w), nil, nn.Conv2D{Stride: 1})
}

// norm is frozen, or in float64 training normalises by the batch.
func (g *randomGraph) norm(x *nn.Node) *nn.Node {
	name := g.name("norm")
	g.NormParams(name, x.Shape()[3])
	if g.o.Type != nn.Float64 || g.draw(2) == 0 {
		g.Params.Get(name + ".weight").Frozen = true
		g.Params.Get(name + ".bias").Frozen = true
	}
	return g.Norm(x, name)
}

// resized is pooled or resized, by as much as the size allows.
func (g *randomGraph) resized(x *nn.Node) *nn.Node {
	s := x.Shape()
	if s[1] >= 3 && s[2] >= 3 && g.draw(2) == 0 {
		return nn.MaxPool(x, 3, 2, 1)
	}
	mode := []nn.ResizeMode{nn.Nearest, nn.Bilinear}[g.draw(2)]
	if g.draw(2) == 0 {
		x = nn.AvgPool(x, 1, 2, 0)
	}
	return nn.Resize(x, side0, side0, mode)
}
