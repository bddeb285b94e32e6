package detector

import (
	"strings"

	"scalenet/backbone"
	"scalenet/geom"
	"scalenet/nn"
)

// Summarize returns the cost of each part of a detector for one image of a padded size, and the total: the backbone up to the features that the RPN
// takes, as [backbone.Summarize] counts it, the feature pyramid, the RPN, and the RoI heads for all proposals of the test settings.
func (m *Model) Summarize(padded geom.Size) (parts []backbone.Cost, total backbone.Cost, err error) {
	last := m.Config.lastStage()
	parts, _, err = backbone.Summarize(m.network, padded.H, padded.W, 1)
	if err != nil {
		return nil, total, err
	}
	parts = parts[:last+1]
	g, err := m.Graph(padded)
	if err != nil {
		return nil, total, err
	}
	heads := []backbone.Cost{{Part: "pyramid"}, {Part: "RPN"}, {Part: "RoI heads"}}
	of := func(name string) *backbone.Cost {
		switch first, _, _ := strings.Cut(name, "."); first {
		case "fpn":
			return &heads[0]
		case "rpn":
			return &heads[1]
		}
		return &heads[2] // also a stage of the backbone that is the box head
	}
	for _, p := range m.Params.All() {
		if m.stages[p.Name] > last && p.Kind.Learned() {
			of(p.Name).Params += p.Shape.TotalSize()
		}
	}
	for _, n := range g.Nodes() {
		if macs := backbone.MACs(n); macs > 0 {
			if name := weightOf(g.Graph, n.Inputs()[1]); m.stages[name] > last {
				of(name).MACs += macs
			}
		}
	}
	if m.Config.Neck == nil {
		heads = heads[1:]
	}
	parts = append(parts, heads...)
	total.Part = "total"
	for _, c := range parts {
		total.Params += c.Params
		total.MACs += c.MACs
	}
	return parts, total, nil
}

// weightOf returns the name of a weight's parameter, the first of those that it is made of.
func weightOf(g *nn.Graph, weight *nn.Node) string {
	for {
		if p := g.ParamOf(weight); p != nil {
			return p.Name
		}
		weight = weight.Inputs()[0]
	}
}
