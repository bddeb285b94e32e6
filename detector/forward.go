package detector

import (
	"fmt"

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
	decoded, transforms *nn.Node   // inputs if the device preprocesses, else nil: bytes; (N, nn.TransformRow)
	images              *nn.Node   // (N, H, W, 3), an input if the host preprocesses
	anchors             []*nn.Node // inputs (h*w*A, 4) of each level
	limits              *nn.Node   // input (N, nn.Limits)
	objectness, deltas  []*nn.Node // of each level
	features            []*nn.Node // of the levels that RoIAlign uses
	proposals           *nn.Node   // (N*rows, 5: image, x1, y1, x2, y2)
}

// proposing adds a batch -> proposals, at most rows per image. bytes is the capacity for decoded images, 0 if the host preprocesses.
func (m *Model) proposing(g *nn.Graph, size batchSize, rows, bytes int) (p proposing) {
	p.addImages(g, m, size, bytes)
	for i, level := range m.levels(g, p.images) {
		objectness, deltas := m.Config.RPN.Head(g, level.Features)
		p.objectness, p.deltas = append(p.objectness, objectness), append(p.deltas, deltas)
		p.anchors = append(p.anchors, g.Input(fmt.Sprintf("anchors.%d", i), deltas.Shape().TotalSize()/4/size.N, 4))
		if i < m.Config.pooledLevels(m.network) {
			p.features = append(p.features, level.Features)
		}
	}
	p.limits = g.Input("proposals.limits", size.N, nn.Limits)
	p.proposals = m.Config.RPN.Select(p.objectness, p.deltas, p.anchors, p.limits, rows)
	return p
}

// boxHead adds the features of each level and RoIs (R, 5) -> class logits (R, K+1) and deltas (R, 4(K+1) or 4).
func (m *Model) boxHead(g *nn.Graph, features []*nn.Node, rois *nn.Node) (logits, deltas *nn.Node) {
	c := m.Config
	x := c.RoI.Align.Build(features, rois, c.RPN.Anchors.Stride)
	if c.RoI.BoxHead != nil {
		x = c.RoI.BoxHead.Build(g, x)
	} else {
		x = nn.GlobalAvgPool(m.network.Stage(g, x, c.FeatureStage+1))
	}
	return c.RoI.Head(g, x, len(m.Classes))
}
