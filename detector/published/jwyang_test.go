package published

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// Converted detectors find what jwyang's own code finds: testdata/jwyang.py.
func TestDetectionsEqualJwyang(t *testing.T) {
	dev := newCPU(t)
	for name, pooling := range map[string]string{
		"jwyang_align": "align of the branch master", "jwyang_crop": "crop", "jwyang_align1": "align of the branch pytorch-1.0",
	} {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			c, err := Convert(g.File(), "faster_rcnn_1_10_9771.pth", "", Options{Texts: map[string]string{"pooling_mode": g.Model}})
			require.NoError(t, err)
			require.Equal(t, "jwyang res", c.Family)
			require.Equal(t, "pooling "+pooling, c.Notes[0])
			require.Equal(t, "toothbrush", c.Model.Classes[79])
			if os.Getenv("SCALENET_SLOW") == "" {
				g.Images = g.Images[2:4] // enlarged four times, and hardly
			}
			compareDetections(t, c.Model.WithTestSize(g.Size[0], g.Size[1]), dev, g)
		})
	}
}

func TestJwyangSettings(t *testing.T) {
	g := readGolden(t, "jwyang_crop")
	c, err := Convert(g.File(), "faster_rcnn_1_10_14657.pth", "", Options{})
	require.NoError(t, err)
	require.Equal(t, "jwyang res_ls", c.Family)
	require.Equal(t, []int{800, 1200, 1000}, []int{c.Model.Config.Input.TestShorter, c.Model.Config.Input.TestLongest, c.Model.Config.RPN.Proposals.Test.AfterNMS})
	require.Equal(t, []string{"pooling align of the branch master", `input 800/1200 with 1,000 proposals, as res101_ls.yml has it; --family "jwyang res" is 600/1000 with 300`}, c.Notes)

	voc := g.File() // 20 classes, anchors of three sizes, one box for all classes
	for name, rows := range map[string]int{
		"RCNN_cls_score": 21, "RCNN_bbox_pred": 4, "RCNN_rpn.RPN_cls_score": 18, "RCNN_rpn.RPN_bbox_pred": 36,
	} {
		for i, x := range voc.Tensors {
			if x.Name == name+".weight" || x.Name == name+".bias" {
				n := x.Len() / x.Shape[0] * rows
				voc.Tensors[i] = checkpoint.Float32Tensor(x.Name, append([]int{rows}, x.Shape[1:]...), make([]float32, n))
			}
		}
	}
	c, err = Convert(voc, "faster_rcnn_1_7_10021.pth", "", Options{})
	require.NoError(t, err)
	require.Equal(t, "tvmonitor", c.Model.Classes[19])
	require.Equal(t, []float64{128, 256, 512}, c.Model.Config.RPN.Anchors.Sizes)
	require.True(t, c.Model.Config.RoI.ClassAgnostic)
}

func TestJwyangErrors(t *testing.T) {
	g := readGolden(t, "jwyang_crop")
	for _, c := range []struct {
		name, pooling string
		change        func(f *checkpoint.File)
		want          string
	}{
		{"RoI pooling", "pool", func(*checkpoint.File) {}, `pooling_mode is "pool": want align or crop`},
		{"no anchors", "", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "RCNN_rpn.RPN_cls_score.weight") }, "want 24 rows (anchors of COCO)"},
		{"no classes", "", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "RCNN_cls_score.weight") }, "RCNN_cls_score.weight is missing"},
		{"no deltas", "", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "RCNN_bbox_pred.weight") }, "bbox_pred.weight"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := g.File()
			c.change(f)
			for _, family := range []string{"jwyang res", "jwyang res_ls"} {
				_, err := Convert(f, "model.pth", "", Options{Family: family, Texts: map[string]string{"pooling_mode": c.pooling}})
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}
