package published

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
)

// Converted detectors find what detectron2's own code finds: testdata/detectron2.py.
func TestDetectionsEqualDetectron2(t *testing.T) {
	dev := newCPU(t)
	for name, family := range map[string]string{
		"detectron2_fpn": "detectron2 faster_rcnn_R_FPN", "detectron2_x101_fpn": "detectron2 faster_rcnn_X_FPN",
		"detectron2_dc5": "detectron2 faster_rcnn_R_DC5", "detectron2_c4": "detectron2 faster_rcnn_R_C4",
	} {
		t.Run(name, func(t *testing.T) {
			g := readGolden(t, name)
			f := g.File()
			f.Tensors = append(f.Tensors, checkpoint.Float32Tensor("pixel_mean", []int{3, 1, 1}, []float32{103.53, 116.28, 123.675}))
			c, err := Convert(f, "model_final_0.pkl", "", Options{})
			require.NoError(t, err)
			require.Equal(t, family, c.Family)
			require.Equal(t, "toothbrush", c.Model.Classes[79])
			if name != "detectron2_fpn" && os.Getenv("SCALENET_SLOW") == "" {
				g.Images = g.Images[2:]
			}
			compareDetections(t, c.Model.WithTestSize(g.Size[0], g.Size[1]), dev, g)
		})
	}
}

func TestDetectron2Errors(t *testing.T) {
	g := readGolden(t, "detectron2_fpn")
	for _, c := range []struct {
		name   string
		change func(f *checkpoint.File)
		want   string
	}{
		{"no blocks", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "backbone.bottom_up.res4.0.conv1.weight") }, "0 blocks in backbone.bottom_up.res4"},
		{"other groups", func(f *checkpoint.File) {
			const name = "backbone.bottom_up.res4.0.conv2.weight"
			f.Tensors = append(without(f.Tensors, name), checkpoint.Float32Tensor(name, []int{1, 16, 1, 1}, make([]float32, 16)))
		}, "has shape [1 16 1 1]: want [256 256 3 3]"},
		{"no predictor", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "roi_heads.box_predictor.cls_score.weight") }, "cls_score.weight is missing"},
		{"no deltas", func(f *checkpoint.File) { f.Tensors = without(f.Tensors, "roi_heads.box_predictor.bbox_pred.bias") }, "bbox_pred.bias is missing"},
		{"masks", func(f *checkpoint.File) {
			f.Tensors = append(f.Tensors, checkpoint.Float32Tensor("roi_heads.mask_head.deconv.weight", []int{1}, []float32{1}))
		}, `"roi_heads.mask_head.deconv.weight" does not belong`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := g.File()
			c.change(f)
			_, err := Convert(f, "model.pkl", "", Options{})
			require.ErrorContains(t, err, c.want)
		})
	}
}
