package detector

import (
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/geom"
	"scalenet/nn"
)

// TestSummarize compares with torchvision's fasterrcnn_resnet50_fpn. Its meta data say 41,755,286 parameters, without those of the frozen BatchNorms, and
// 134.38 billion operations at 800x800.
func TestSummarize(t *testing.T) {
	c, err := Presets().Get("fpn")
	require.NoError(t, err)
	c.Backbone = backbone.Config{Name: "resnet50"}
	m, err := assemble(c, make([]string, 90), nn.NewShapes())
	require.NoError(t, err)
	parts, total, err := m.Summarize(geom.Size{W: 800, H: 800})
	require.NoError(t, err)
	norms := 0
	for _, p := range m.Params.All() {
		if p.Kind == nn.NormWeight || p.Kind == nn.NormBias {
			norms += p.Shape.TotalSize()
		}
	}
	require.Equal(t, 41_755_286, total.Params-norms)
	require.InDelta(t, 134.38e9, float64(total.MACs), 0.005e9)
	names := []string{}
	for _, p := range parts {
		names = append(names, p.Part)
		require.Positive(t, p.MACs, p.Part)
	}
	require.Equal(t, []string{"stem", "stage 1", "stage 2", "stage 3", "stage 4", "pyramid", "RPN", "RoI heads"}, names)
}

// TestSummarizeC4 has a stage of the backbone as its box head, which runs once for each proposal.
func TestSummarizeC4(t *testing.T) {
	c := Default()
	c.Backbone = backbone.Config{Name: "resnet50"}
	m, err := assemble(c, make([]string, 20), nn.NewShapes())
	require.NoError(t, err)
	parts, total, err := m.Summarize(geom.Size{W: 320, H: 320})
	require.NoError(t, err)
	require.Len(t, parts, 6)
	require.Equal(t, "stage 3", parts[3].Part)
	require.Equal(t, m.Params.Count(), total.Params)
	once, _, err := backbone.Summarize(m.network, 16*c.RoI.Align.Size, 16*c.RoI.Align.Size, 1) // stage 4 takes features of the aligned size
	require.NoError(t, err)
	require.Equal(t, c.RPN.Proposals.Test.AfterNMS*(once[4].MACs+2048*5*21), parts[5].MACs)
}
