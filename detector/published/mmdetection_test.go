package published

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Converted detectors find what mmdetection's own code finds: testdata/mmdetection.py.
func TestDetectionsEqualMMDetection(t *testing.T) {
	dev := newCPU(t)
	for _, c := range []struct{ golden, file, family string }{
		{"mmdetection_pytorch", "faster_rcnn_r50_fpn_1x_coco.pth", "mmdetection faster_rcnn_r_fpn"},
		{"mmdetection_caffe", "faster_rcnn_r50_caffe_fpn_1x_coco.pth", "mmdetection faster_rcnn_r_caffe_fpn"},
	} {
		t.Run(c.golden, func(t *testing.T) {
			g := readGolden(t, c.golden)
			converted, err := Convert(g.File(), c.file, "", Options{})
			require.NoError(t, err)
			require.Equal(t, c.family, converted.Family)
			compareDetections(t, converted.Model.WithTestSize(g.Size[0], g.Size[1]), dev, g)
		})
	}
}
