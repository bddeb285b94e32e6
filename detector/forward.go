package detector

import (
	"scalenet/backbone"
	"scalenet/nn"
)

// propose is the first graph: images (N, H, W, 3) -> features (N, h, w, C),
// objectness (N, h, w, A or 2A) and deltas (N, h, w, 4A).
func (m *Model) propose(g *nn.Graph, images *nn.Node) (features, objectness, deltas *nn.Node) {
	features = backbone.Features(g, m.network, images, m.Config.FeatureStage)
	objectness, deltas = m.Config.RPN.Head(g, features)
	return features, objectness, deltas
}

// judge is the second graph: features and regions (R, 5: image, x1, y1, x2, y2)
// -> class logits (R, K+1) and deltas (R, 4(K+1) or 4).
func (m *Model) judge(g *nn.Graph, features, regions *nn.Node) (logits, deltas *nn.Node) {
	x := nn.Apply(m.align(), features, regions)
	x = m.network.Stage(g, x, m.Config.FeatureStage+1)
	return m.Config.RoI.Head(g, nn.GlobalAvgPool(x), len(m.Classes))
}

// align cuts a region out of the features.
func (m *Model) align() nn.RoIAlign {
	c := m.Config.RoI
	return nn.RoIAlign{
		Size: c.Align.Size, Scale: 1 / float64(m.network.Stride(m.Config.FeatureStage)),
		Sampling: c.Align.SamplingRatio, Aligned: c.Align.Aligned,
	}
}
