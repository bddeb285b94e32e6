package backbone

import (
	"scalenet/nn"
)

// Network is a convolutional network in stages.
type Network interface {
	// Stem is the part before the first stage: x (N, H, W, 3) -> features.
	Stem(g *nn.Graph, x *nn.Node) *nn.Node
	// Stages is the number of stages.
	Stages() int
	// Stage adds stage s, counted from 1.
	Stage(g *nn.Graph, x *nn.Node, s int) *nn.Node
	// Stride is how many input pixels a pixel after stage s stands for.
	Stride(s int) int
	// MinSide is the least side of the input for which every window of the
	// stages up to s has at least one pixel.
	MinSide(s int) int
}

// Features is the network up to and including a stage.
func Features(g *nn.Graph, n Network, x *nn.Node, last int) *nn.Node {
	x = n.Stem(g, x)
	for s := 1; s <= last; s++ {
		x = n.Stage(g, x, s)
	}
	return x
}

// Classifier is the whole network, global average pooling and a fully
// connected layer: x (N, H, W, 3) -> logits (N, classes).
func Classifier(g *nn.Graph, n Network, x *nn.Node, classes int) *nn.Node {
	x = nn.GlobalAvgPool(Features(g, n, x, n.Stages()))
	return g.Linear(x, "fc", classes, nn.UniformFanIn(x.Shape()[1]))
}
