package published

import (
	"fmt"
	"regexp"
	"strings"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// mmdetectionFamilies are faster_rcnn_r50_fpn, r101_fpn and their caffe versions. Both styles have the same tensors; the file's name says which one it is.
func mmdetectionFamilies() []family {
	has := func(t tensors) bool {
		return t.has("neck.lateral_convs.0.conv.weight") && t.has("roi_head.bbox_head.fc_cls.weight")
	}
	return []family{
		{"mmdetection faster_rcnn_r_caffe_fpn", func(t tensors, file string) bool { return has(t) && strings.Contains(file, "caffe") }, fromMMDetectionCaffe},
		{"mmdetection faster_rcnn_r_fpn", func(t tensors, _ string) bool { return has(t) }, fromMMDetection},
	}
}

// fromMMDetection converts the pytorch style: RGB, ImageNet's mean and standard deviation, strides on the 3x3 convolution.
func fromMMDetection(t tensors, _ source) (d draft, err error) {
	network, err := resNetOf(t, "backbone.layer3.")
	if err != nil {
		return d, err
	}
	c := detector.Default()
	c.Backbone = backbone.Config{Name: network}
	c.Neck = &backbone.FPN{Stages: []int{1, 2, 3, 4}, Channels: 256, ExtraLevel: true}
	c.Input.Mean = [3]float32{123.675 / 255, 116.28 / 255, 103.53 / 255}
	c.Input.Std = [3]float32{58.395 / 255, 57.12 / 255, 57.375 / 255}
	c.Input.Resize, c.Input.Rounding = imaging.OpenCV, imaging.FitRoundOnce
	c.Input.Shorter, c.Input.Longest, c.Input.TestShorter, c.Input.TestLongest = []int{800}, 1333, 800, 1333
	c.RPN.Channels, c.RPN.LossBeta = 256, l1
	c.RPN.Anchors.Stride, c.RPN.Anchors.SizePerLevel, c.RPN.Anchors.Rounding = 4, true, rpn.RoundNone
	c.RPN.Proposals.MinSize = withoutArea
	c.RPN.Proposals.Train, c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 2000, AfterNMS: 1000}, rpn.Counts{BeforeNMS: 1000, AfterNMS: 1000}
	c.RoI.Align = roi.AlignConfig{Size: 7, Aligned: true, CanonicalSize: 224, CanonicalLevel: 4, LevelFormula: nn.MMDetectionLevels}
	c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 1024}
	c.RoI.LossBeta, c.RoI.Targets.Samples, c.RoI.Detections.MinSize = l1, 512, 0
	d.config = c
	if err := d.backgroundFirst(t, "roi_head.bbox_head.fc_cls", "roi_head.bbox_head.fc_reg", mmdetectionName); err != nil {
		return d, err
	}
	return d, d.tensors.toChannelsLast("roi_heads.box_head.fc1.weight", c.RoI.Align.Size)
}

// fromMMDetectionCaffe converts the caffe style: BGR without a standard deviation, strides on the first 1x1 convolution.
func fromMMDetectionCaffe(t tensors, s source) (draft, error) {
	d, err := fromMMDetection(t, s)
	if err != nil {
		return d, err
	}
	d.config.Backbone.StrideIn1x1 = true
	d.config.Input.Std = [3]float32{1. / 255, 1. / 255, 1. / 255} // of bytes
	return d, d.tensors.swapColors("conv1.weight")
}

// The parts of mmdetection's names.
var (
	mmdetectionNeck = regexp.MustCompile(`^neck\.(lateral|fpn)_convs\.(\d+)\.conv\.(.+)$`)
	mmdetectionFC   = regexp.MustCompile(`^roi_head\.bbox_head\.shared_fcs\.(\d+)\.(.+)$`)
)

// mmdetectionName returns the model's name of a tensor.
func mmdetectionName(name string) string {
	if found := mmdetectionNeck.FindStringSubmatch(name); found != nil {
		blocks := map[string]string{"lateral": "inner", "fpn": "layer"}
		return fmt.Sprintf("fpn.%s_blocks.%s.0.%s", blocks[found[1]], found[2], found[3])
	}
	if found := mmdetectionFC.FindStringSubmatch(name); found != nil {
		var i int
		fmt.Sscan(found[1], &i)
		return fmt.Sprintf("roi_heads.box_head.fc%d.%s", i+1, found[2])
	}
	for _, part := range [][2]string{
		{"rpn_head.rpn_conv.", "rpn.head.conv."}, {"rpn_head.rpn_cls.", "rpn.head.cls_logits."}, {"rpn_head.rpn_reg.", "rpn.head.bbox_pred."},
		{"roi_head.bbox_head.fc_cls.", "roi_heads.box_predictor.cls_score."}, {"roi_head.bbox_head.fc_reg.", "roi_heads.box_predictor.bbox_pred."},
		{"backbone.", ""},
	} {
		if rest, ok := strings.CutPrefix(name, part[0]); ok {
			return part[1] + rest
		}
	}
	return name
}
