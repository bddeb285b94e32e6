package published

import (
	"strings"
	"testing"

	"scalenet/checkpoint"
)

// names of each family that decide, and of tensors whose values are changed.
const fuzzNames = `backbone.body.conv1.weight
roi_heads.box_head.0.0.weight
roi_heads.box_head.fc6.weight
roi_heads.box_head.5.weight
roi_heads.box_predictor.cls_score.weight
roi_heads.box_predictor.cls_score.bias
roi_heads.box_predictor.bbox_pred.weight
backbone.body.layer3.0.conv1.weight
backbone.body.bn1.running_var
backbone.body.bn1.weight
backbone.body.0.0.weight
rpn.head.conv.0.0.weight
backbone.fpn_lateral2.weight
backbone.bottom_up.res2.0.conv2.weight
backbone.res5.0.conv1.weight
roi_heads.box_head.fc1.weight
roi_heads.res5.0.conv1.weight
backbone.res4.0.conv2.weight
backbone.bottom_up.res4.0.conv2.weight
backbone.bottom_up.stem.conv1.weight
proposal_generator.rpn_head.objectness_logits.weight
neck.lateral_convs.0.conv.weight
roi_head.bbox_head.fc_cls.weight
roi_head.bbox_head.fc_reg.weight
backbone.layer3.0.conv2.weight
roi_head.bbox_head.shared_fcs.0.weight
RCNN_base.0.weight
RCNN_base.6.0.conv1.weight
RCNN_base.6.0.conv2.weight
RCNN_rpn.RPN_Conv.weight
RCNN_rpn.RPN_cls_score.weight
RCNN_cls_score.weight
RCNN_bbox_pred.weight
RCNN_top.0.0.bn1.num_batches_tracked`

// Whatever names and shapes a file has, Convert returns an error or a model; it never panics, and takes no memory for tensors that are not there.
func FuzzConvert(f *testing.F) {
	f.Add(fuzzNames, []byte{1, 2, 3}, uint8(0), "model.pth")
	for _, line := range strings.Split(fuzzNames, "\n") {
		f.Add(line, []byte{2, 4}, uint8(1), "fasterrcnn_320.pth")
	}
	f.Add(strings.Repeat("backbone.body.layer3.0.conv1.weight\n", 1)+fuzzNames, []byte{91, 0, 7, 7}, uint8(2), "caffe")
	f.Fuzz(func(t *testing.T, names string, shape []byte, family uint8, file string) {
		state := &checkpoint.File{}
		for i, name := range strings.Split(names, "\n") {
			n, dims := 1, []int{}
			for k := range min(len(shape), 4) {
				d := int(shape[(i+k)%len(shape)]) % 12
				dims, n = append(dims, d), n*d
			}
			state.Tensors = append(state.Tensors, checkpoint.Float32Tensor(name, dims, make([]float32, n)))
		}
		o := Options{}
		if all := Families(); int(family) <= len(all) && family > 0 {
			o.Family = all[family-1]
		}
		Recognised(state)
		if c, err := Convert(state, file, "", o); err == nil {
			if _, _, err := ToTorchvision(c.Model); err != nil {
				t.Log(err)
			}
		}
	})
}
