package detector

import (
	"math"

	"scalenet/geom"
	"scalenet/nn"
)

// Graph is the complete network of a model for one image of a padded size, as the engine runs it on a device that post-processes: images (1, H, W, 3) ->
// found (1, rows, 6), the rows of nn.Detections. The other inputs are the anchors (cells, 4) of each level and the limits of both selections.
type Graph struct {
	*nn.Graph
	Images, Found                   *nn.Node
	Anchors                         []*nn.Node
	ProposalLimits, DetectionLimits *nn.Node
}

// Graph returns the network for a padded size, see [Model.PadTo].
func (m *Model) Graph(padded geom.Size) (out Graph, err error) {
	out.Graph = nn.NewGraph(m.Params, false)
	err = nn.Build(func() {
		out.DetectionLimits = out.Input("detections.limits", 1, nn.Limits)
		need := m.capacity(nil, 0)
		p, found := m.detect(out.Graph, batchSize{1, padded.H, padded.W}, out.DetectionLimits, need, math.MaxInt)
		out.Images, out.Found, out.Anchors, out.ProposalLimits = p.images, found, p.anchors, p.limits
	})
	return out, err
}
