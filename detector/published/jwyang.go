package published

import (
	"fmt"
	"strings"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/roi"
)

// jwyangFamilies are the Faster R-CNNs of jwyang/faster-rcnn.pytorch with a ResNet of Caffe. The configurations res101.yml and res101_ls.yml (--ls) differ
// in sizes that are not in the file; its published files of the latter end in 14657.
func jwyangFamilies() []family {
	has := func(t tensors) bool {
		return t.has("RCNN_base.6.0.conv1.weight") && t.has("RCNN_rpn.RPN_Conv.weight")
	}
	return []family{
		{"jwyang res_ls", func(t tensors, file string) bool { return has(t) && strings.Contains(file, "_14657.") }, fromJwyangLarge},
		{"jwyang res", func(t tensors, _ string) bool { return has(t) }, fromJwyang},
	}
}

// fromJwyangLarge converts a detector that was trained with --ls.
func fromJwyangLarge(t tensors, s source) (draft, error) {
	d, err := fromJwyang(t, s)
	d.config.Input.Shorter, d.config.Input.Longest = []int{800}, 1200
	d.config = d.config.WithTestSize(800, 1200)
	d.notes[len(d.notes)-1] = "input 800/1200 with 1,000 proposals, as res101_ls.yml has it; --family \"jwyang res\" is 600/1000 with 300"
	return d, err
}

// fromJwyang converts a detector, with the settings of lib/model/utils/config.py, cfgs/res101.yml and test_net.py.
func fromJwyang(t tensors, s source) (d draft, err error) {
	d.notes = []string{"input 600/1000 with 300 proposals, as res101.yml has it; --family \"jwyang res_ls\" is 800/1200 with 1,000"}
	network, err := resNetOf(t, "RCNN_base.6.")
	if err != nil {
		return d, err
	}
	if d.classes, err = classesOf(t, "RCNN_cls_score"); err != nil {
		return d, err
	}
	if d.classes == len(vocNames()) {
		d.names = vocNames()
	}
	d.config = detector.Paper()
	c := &d.config
	c.Backbone = backbone.Config{Name: network, StrideIn1x1: true, Stem: backbone.Stem{Channels: 64, Kernel: 7, CeilPool: true}}
	// PIXEL_MEANS of bytes in BGR order; the first convolution's channels are swapped instead.
	c.Input.Mean = [3]float32{122.7717 / 255, 115.9465 / 255, 102.9801 / 255}
	c.Input.Std = [3]float32{1. / 255, 1. / 255, 1. / 255}
	c.Input.Resize, c.Input.Rounding, c.Input.Divisor = imaging.OpenCVFactor, imaging.FitRoundEven, 1
	if c.RPN.Anchors.Sizes, err = jwyangAnchors(t); err != nil {
		return d, err
	}
	if c.RoI.Align, err = jwyangPooling(s); err != nil {
		return d, err
	}
	d.notes = append([]string{fmt.Sprintf("pooling %s", jwyangPoolingName(c.RoI.Align))}, d.notes...)
	x := t["RCNN_bbox_pred.weight"]
	c.RoI.ClassAgnostic = len(x.Shape) == 2 && x.Shape[0] == 4
	if d.tensors, err = t.renamed(jwyangName); err != nil {
		return d, err
	}
	return d, d.tensors.swapColors("conv1.weight")
}

// jwyangAnchors returns the sizes of the anchors: ANCHOR_SCALES of 16 pixels, for COCO 4, 8, 16 and 32, for Pascal VOC without 4. There are two logits for
// each size and ratio.
func jwyangAnchors(t tensors) ([]float64, error) {
	x := t["RCNN_rpn.RPN_cls_score.weight"]
	switch {
	case len(x.Shape) == 4 && x.Shape[0] == 2*3*4:
		return []float64{64, 128, 256, 512}, nil
	case len(x.Shape) == 4 && x.Shape[0] == 2*3*3:
		return []float64{128, 256, 512}, nil
	}
	return nil, fmt.Errorf("tensor RCNN_rpn.RPN_cls_score.weight has shape %v: want 24 rows (anchors of COCO) or 18 (of Pascal VOC)", x.Shape)
}

// jwyangPooling returns the pooling of the file's "pooling_mode"; align, as in cfgs/res101.yml, if there is none. "align" is another one in the branch
// pytorch-1.0 than in master. Only PyTorch 0.4.1 or newer, which master does not run with, counts the batches of a BatchNorm.
func jwyangPooling(s source) (roi.AlignConfig, error) {
	switch mode := s.options.Texts["pooling_mode"]; {
	case mode == "crop":
		return roi.AlignConfig{Size: 7, Points: nn.JwyangCrop}, nil
	case mode != "" && mode != "align":
		return roi.AlignConfig{}, fmt.Errorf("pooling_mode is %q: want align or crop", mode)
	case s.trained:
		return roi.AlignConfig{Size: 7}, nil
	}
	return roi.AlignConfig{Size: 7, Points: nn.JwyangAlign}, nil
}

func jwyangPoolingName(a roi.AlignConfig) string {
	switch a.Points {
	case nn.JwyangCrop:
		return "crop"
	case nn.JwyangAlign:
		return "align of the branch master"
	}
	return "align of the branch pytorch-1.0"
}

// jwyangName returns the model's name of a tensor.
func jwyangName(name string) string {
	for _, part := range [][2]string{
		{"RCNN_base.0.", "conv1."}, {"RCNN_base.1.", "bn1."}, {"RCNN_base.4.", "layer1."}, {"RCNN_base.5.", "layer2."}, {"RCNN_base.6.", "layer3."},
		{"RCNN_top.0.", "layer4."},
		{"RCNN_rpn.RPN_Conv.", "rpn.head.conv."}, {"RCNN_rpn.RPN_cls_score.", "rpn.head.cls_logits."}, {"RCNN_rpn.RPN_bbox_pred.", "rpn.head.bbox_pred."},
		{"RCNN_cls_score.", "roi_heads.box_predictor.cls_score."}, {"RCNN_bbox_pred.", "roi_heads.box_predictor.bbox_pred."},
	} {
		if rest, ok := strings.CutPrefix(name, part[0]); ok {
			return part[1] + rest
		}
	}
	return name
}
