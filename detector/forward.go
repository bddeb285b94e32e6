package detector

import (
	"scalenet/backbone"
	"scalenet/nn"
)

// maxAtATime RoIs keep a large GPU busy. With ScaleNet-50 their features take 400 MB.
const maxAtATime = 512

// detect adds the whole network: a batch -> detections (N, rows, 6), the rows of nn.Detections. atATime is the number of RoIs that go
// through the box head at a time; memory grows with it. If it is below 1, all RoIs of an image do, but at most maxAtATime.
func (m *Model) detect(g *nn.Graph, size batchSize, limits *nn.Node, r capacity, atATime int) (p proposing, detections *nn.Node) {
	p = m.proposing(g, size, r.proposals, r.bytes)
	if atATime < 1 {
		atATime = min(p.regions.Shape()[0]/size.N, maxAtATime)
	}
	var logits, boxes []*nn.Node
	for from, n := 0, p.regions.Shape()[0]; from < n; from += atATime {
		l, b := m.boxHead(g, p.features, nn.Apply(nn.Slice{Axis: 0, From: from, To: min(from+atATime, n)}, p.regions))
		logits, boxes = append(logits, l), append(boxes, b)
	}
	return p, nn.Apply(m.Config.RoI.Operation(r.detections), nn.Concatenate(0, logits...), nn.Concatenate(0, boxes...), p.regions, limits)
}

// proposing is the nodes from a batch to its regions.
type proposing struct {
	decoded, transforms          *nn.Node // inputs if the device preprocesses, else nil: bytes, (N, nn.TransformRow)
	images                       *nn.Node // (N, H, W, 3), else an input
	anchors, limits              *nn.Node // inputs: (h*w*A, 4), (N, nn.Limits)
	features, objectness, deltas *nn.Node
	regions                      *nn.Node // (N*rows, 5: image, x1, y1, x2, y2)
}

// proposing adds a batch -> regions, of each image as many as rows at most. bytes is the size of the decoded
// images that the device preprocesses; 0 if the host does.
func (m *Model) proposing(g *nn.Graph, size batchSize, rows, bytes int) (p proposing) {
	p.addImages(g, m, size, bytes)
	p.features, p.objectness, p.deltas = m.propose(g, p.images)
	anchors := p.deltas.Shape().TotalSize() / 4 / size.N
	p.anchors, p.limits = g.Input("anchors", anchors, 4), g.Input("proposals.limits", size.N, nn.Limits)
	p.regions = nn.Apply(m.Config.RPN.Operation(min(rows, anchors)), p.objectness, p.deltas, p.anchors, p.limits)
	return p
}

// propose adds images (N, H, W, 3) -> features (N, h, w, C), objectness
// (N, h, w, A or 2A) and deltas (N, h, w, 4A).
func (m *Model) propose(g *nn.Graph, images *nn.Node) (features, objectness, deltas *nn.Node) {
	features = backbone.Features(g, m.network, images, m.Config.FeatureStage)
	objectness, deltas = m.Config.RPN.Head(g, features)
	return features, objectness, deltas
}

// boxHead adds features and regions (R, 5) -> class logits (R, K+1) and deltas
// (R, 4(K+1) or 4).
func (m *Model) boxHead(g *nn.Graph, features, regions *nn.Node) (logits, deltas *nn.Node) {
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
