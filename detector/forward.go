package detector

import (
	"scalenet/backbone"
	"scalenet/nn"
)

// maxAtATime is a number of RoIs that keeps a large GPU busy. With ScaleNet-50 their features take 400 MB.
const maxAtATime = 512

// detect adds the complete network: a batch -> detections (N, rows, 6), the rows of nn.Detections. atATime is the number of RoIs per run of
// the box head. If atATime is below 1, it is the number of RoIs of an image, at most maxAtATime.
func (m *Model) detect(g *nn.Graph, size batchSize, limits *nn.Node, r capacity, atATime int) (p proposing, detections *nn.Node) {
	p = m.proposing(g, size, r.proposals, r.bytes)
	if atATime < 1 {
		atATime = min(p.proposals.Shape()[0]/size.N, maxAtATime)
	}
	var logits, boxes []*nn.Node
	for from, n := 0, p.proposals.Shape()[0]; from < n; from += atATime {
		l, b := m.boxHead(g, p.features, nn.Apply(nn.Slice{Axis: 0, From: from, To: min(from+atATime, n)}, p.proposals))
		logits, boxes = append(logits, l), append(boxes, b)
	}
	return p, nn.Apply(m.Config.RoI.Operation(r.detections), nn.Concatenate(0, logits...), nn.Concatenate(0, boxes...), p.proposals, limits)
}

// proposing holds the nodes from a batch to its proposals.
type proposing struct {
	decoded, transforms          *nn.Node // inputs if the device preprocesses, else nil: bytes; (N, nn.TransformRow)
	images                       *nn.Node // (N, H, W, 3), an input if the host preprocesses
	anchors, limits              *nn.Node // inputs: (h*w*A, 4), (N, nn.Limits)
	features, objectness, deltas *nn.Node
	proposals                    *nn.Node // (N*rows, 5: image, x1, y1, x2, y2)
}

// proposing adds a batch -> proposals, at most rows per image. bytes is the capacity for decoded images, 0 if the host preprocesses.
func (m *Model) proposing(g *nn.Graph, size batchSize, rows, bytes int) (p proposing) {
	p.addImages(g, m, size, bytes)
	p.features, p.objectness, p.deltas = m.propose(g, p.images)
	anchors := p.deltas.Shape().TotalSize() / 4 / size.N
	p.anchors, p.limits = g.Input("anchors", anchors, 4), g.Input("proposals.limits", size.N, nn.Limits)
	p.proposals = nn.Apply(m.Config.RPN.Operation(min(rows, anchors)), p.objectness, p.deltas, p.anchors, p.limits)
	return p
}

// propose adds images (N, H, W, 3) -> features (N, h, w, C), objectness
// (N, h, w, A or 2A) and deltas (N, h, w, 4A).
func (m *Model) propose(g *nn.Graph, images *nn.Node) (features, objectness, deltas *nn.Node) {
	features = backbone.Features(g, m.network, images, m.Config.FeatureStage)
	objectness, deltas = m.Config.RPN.Head(g, features)
	return features, objectness, deltas
}

// boxHead adds features and RoIs (R, 5) -> class logits (R, K+1) and deltas
// (R, 4(K+1) or 4).
func (m *Model) boxHead(g *nn.Graph, features, rois *nn.Node) (logits, deltas *nn.Node) {
	x := nn.Apply(m.align(), features, rois)
	x = m.network.Stage(g, x, m.Config.FeatureStage+1)
	return m.Config.RoI.Head(g, nn.GlobalAvgPool(x), len(m.Classes))
}

// align returns the RoIAlign operation on the features.
func (m *Model) align() nn.RoIAlign {
	c := m.Config.RoI
	return nn.RoIAlign{
		Size: c.Align.Size, Scale: 1 / float64(m.network.Stride(m.Config.FeatureStage)),
		Sampling: c.Align.SamplingRatio, Aligned: c.Align.Aligned,
	}
}
