package backbone

import (
	"fmt"

	"scalenet/nn"
)

// Cost is the number of parameters and multiply-adds of a part of a network.
type Cost struct {
	Part string `json:"part"`
	// Params counts learned values: weights, biases, BatchNorm's affine part.
	Params int `json:"params"`
	// MACs counts multiply-adds of convolutions and linear layers for one
	// image, each at the resolution it runs at by the network's definition.
	MACs int `json:"macs"`
}

// Summarize returns the cost of each part of a classifier (stem, each stage, head) for input images of height x width, and the total.
func Summarize(n Network, height, width, classes int) (parts []Cost, total Cost, err error) {
	if s, ok := n.(*ScaleNet); ok {
		n = s.Literal() // published numbers count the definition
	}
	total.Part = "total"
	err = nn.Build(func() {
		g := nn.NewGraph(nn.NewShapes(), false)
		params, nodes := 0, 0
		count := func(part string) {
			c := Cost{Part: part, Params: g.Params.Count() - params}
			all := g.Nodes()
			for _, node := range all[nodes:] {
				c.MACs += MACs(node)
			}
			params, nodes = g.Params.Count(), len(all)
			parts = append(parts, c)
			total.Params += c.Params
			total.MACs += c.MACs
		}
		x := n.Stem(g, g.Features("images", 1, height, width, 3))
		count("stem")
		for s := 1; s <= n.Stages(); s++ {
			x = n.Stage(g, x, s)
			count(fmt.Sprintf("stage %d", s))
		}
		head(g, n, nn.GlobalAvgPool(x), classes)
		count(n.Head())
	})
	return parts, total, err
}

// MACs returns a node's multiply-adds: the number of outputs times the number of weights per output.
func MACs(n *nn.Node) int {
	switch n.Op().(type) {
	case nn.Conv2D, nn.Linear:
		w := n.Inputs()[1].Shape()
		return n.Shape().TotalSize() * w.TotalSize() / w[0]
	}
	return 0
}
