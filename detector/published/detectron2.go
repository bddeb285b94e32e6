package published

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// detectron2Families are the Faster R-CNNs of detectron2's model zoo: COCO-Detection/faster_rcnn_R_50_FPN, R_101_FPN, X_101_32x8d_FPN, R_50_DC5,
// R_101_DC5, R_50_C4 and R_101_C4.
func detectron2Families() []family {
	return []family{
		{"detectron2 faster_rcnn_X_FPN", func(t tensors, _ string) bool {
			return t.has("backbone.fpn_lateral2.weight") && len(t[firstRes2].Shape) == 4 && t[firstRes2].Shape[1] < 64 // has groups
		}, fromDetectron2FPN},
		{"detectron2 faster_rcnn_R_FPN", func(t tensors, _ string) bool { return t.has("backbone.fpn_lateral2.weight") }, fromDetectron2FPN},
		{"detectron2 faster_rcnn_R_DC5", func(t tensors, _ string) bool {
			return t.has("backbone.res5.0.conv1.weight") && t.has("roi_heads.box_head.fc1.weight")
		}, fromDetectron2DC5},
		{"detectron2 faster_rcnn_R_C4", func(t tensors, _ string) bool { return t.has("roi_heads.res5.0.conv1.weight") }, fromDetectron2C4},
	}
}

// firstRes2 is the first 3x3 convolution of the ResNet with a pyramid.
const firstRes2 = "backbone.bottom_up.res2.0.conv2.weight"

const (
	// withoutArea is a minimum size of proposals that drops only those without area.
	withoutArea = 1e-9
	// l1 is a beta for which smooth L1 is L1.
	l1 = 1e-6
)

// detectron2Config has the settings that detectron2's Faster R-CNNs share (configs/Base-RCNN-*.yaml and config/defaults.py).
func detectron2Config(network string) detector.Config {
	c := detector.Default()
	// MODEL.PIXEL_MEAN and PIXEL_STD of bytes in BGR order; ours are of [0, 1] in RGB order. The first convolution's channels are swapped instead.
	c.Input.Mean = [3]float32{123.675 / 255, 116.28 / 255, 103.53 / 255}
	if network == resNeXt32x8d { // as X_101_32x8d_FPN's own yaml
		c.Backbone = backbone.Config{Name: network}
		c.Input.Std = [3]float32{58.395 / 255, 57.12 / 255, 57.375 / 255}
	} else {
		c.Backbone = backbone.Config{Name: network, StrideIn1x1: true}
		c.Input.Std = [3]float32{1. / 255, 1. / 255, 1. / 255}
	}
	c.Input.Resize, c.Input.Rounding = imaging.Pillow, imaging.FitRound
	c.Input.Shorter, c.Input.Longest, c.Input.TestShorter, c.Input.TestLongest = []int{640, 672, 704, 736, 768, 800}, 1333, 800, 1333
	c.RPN.Anchors.Rounding = rpn.RoundNone
	c.RPN.Proposals.MinSize = withoutArea
	c.RPN.LossBeta, c.RoI.LossBeta = l1, l1
	c.RoI.Align.Aligned, c.RoI.Align.SamplingRatio = true, 0
	c.RoI.Targets.Samples = 512
	c.RoI.Detections.MinSize = 0
	return c
}

// fromDetectron2FPN converts faster_rcnn_R_50_FPN, R_101_FPN and X_101_32x8d_FPN.
func fromDetectron2FPN(t tensors, _ source) (d draft, err error) {
	network, err := resNetOf(t, "backbone.bottom_up.res4.")
	if err != nil {
		return d, err
	}
	d.config = detectron2Config(network)
	c := &d.config
	c.Neck = &backbone.FPN{Stages: []int{1, 2, 3, 4}, Channels: 256, ExtraLevel: true}
	c.RPN.Channels = 256
	c.RPN.Anchors.Stride, c.RPN.Anchors.SizePerLevel = 4, true
	c.RPN.Proposals.Train, c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 2000, AfterNMS: 1000}, rpn.Counts{BeforeNMS: 1000, AfterNMS: 1000}
	c.RoI.Align.Size = 7
	c.RoI.Align.CanonicalSize, c.RoI.Align.CanonicalLevel, c.RoI.Align.LevelFormula = 224, 4, nn.Detectron2Levels
	c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 1024}
	if err := d.fromDetectron2(t, "backbone.bottom_up."); err != nil {
		return d, err
	}
	return d, d.tensors.toChannelsLast("roi_heads.box_head.fc1.weight", c.RoI.Align.Size)
}

// fromDetectron2C4 converts faster_rcnn_R_50_C4 and R_101_C4.
func fromDetectron2C4(t tensors, _ source) (d draft, err error) {
	return d, d.fromDetectron2Level(t, func(c *detector.Config) { c.RPN.Channels, c.RoI.Align.Size = 1024, 14 })
}

// fromDetectron2DC5 converts faster_rcnn_R_50_DC5 and R_101_DC5, whose features are those of the last stage, dilated.
func fromDetectron2DC5(t tensors, _ source) (d draft, err error) {
	err = d.fromDetectron2Level(t, func(c *detector.Config) {
		c.Backbone.DilateLast, c.FeatureStage = true, 4
		c.RPN.Channels, c.RoI.Align.Size = 2048, 7
		c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 1024}
	})
	if err != nil {
		return d, err
	}
	return d, d.tensors.toChannelsLast("roi_heads.box_head.fc1.weight", d.config.RoI.Align.Size)
}

// fromDetectron2Level converts a detector on one level, with the settings that the function changes. Its anchors are in order of sizes, then of ratios;
// ours of ratios, then of sizes.
func (d *draft) fromDetectron2Level(t tensors, change func(*detector.Config)) error {
	network, err := resNetOf(t, "backbone.res4.")
	if err != nil {
		return err
	}
	d.config = detectron2Config(network)
	c := &d.config
	c.Input.Divisor = 1
	c.RPN.Proposals.Train, c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 12000, AfterNMS: 2000}, rpn.Counts{BeforeNMS: 6000, AfterNMS: 1000}
	change(c)
	if err := d.fromDetectron2(t, "backbone."); err != nil {
		return err
	}
	sizes, ratios := len(c.RPN.Anchors.Sizes), len(c.RPN.Anchors.Ratios)
	var order []int
	for r := range ratios {
		for s := range sizes {
			order = append(order, s*ratios+r)
		}
	}
	for name, each := range map[string]int{"cls_logits": 1, "bbox_pred": 4} {
		for _, part := range []string{".weight", ".bias"} {
			if err := d.tensors.takeRows("rpn.head."+name+part, order, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// fromDetectron2 renames the tensors, whose ResNet has the given prefix, and moves the background to the front.
func (d *draft) fromDetectron2(t tensors, prefix string) error {
	delete(t, "pixel_mean")
	delete(t, "pixel_std")
	for _, name := range t.names() {
		if strings.HasPrefix(name, "proposal_generator.anchor_generator.") {
			delete(t, name)
		}
	}
	const predictor = "roi_heads.box_predictor."
	if err := d.backgroundFirst(t, predictor+"cls_score", predictor+"bbox_pred", func(name string) string { return detectron2Name(name, prefix) }); err != nil {
		return err
	}
	return d.tensors.swapColors("conv1.weight")
}

// backgroundFirst renames the tensors. The background is the last class of the layer called scores and has no rows in the layer called deltas; it becomes the
// first class of both.
func (d *draft) backgroundFirst(t tensors, scores, deltas string, rename func(string) string) (err error) {
	if d.classes, err = classesOf(t, scores); err != nil {
		return err
	}
	if d.tensors, err = t.renamed(rename); err != nil {
		return err
	}
	order := []int{d.classes}
	for k := range d.classes {
		order = append(order, k)
	}
	for _, part := range []string{".weight", ".bias"} {
		if err := d.tensors.takeRows(rename(scores+part), order, 1); err != nil {
			return err
		}
		if err := d.tensors.prependZeros(rename(deltas+part), 4); err != nil {
			return err
		}
	}
	return nil
}

// The parts of detectron2's names.
var (
	detectron2Block = regexp.MustCompile(`^res([2-5])\.(\d+)\.(conv[123]|shortcut)\.(norm\.)?(.+)$`)
	detectron2FPN   = regexp.MustCompile(`^backbone\.fpn_(lateral|output)([2-5])\.(.+)$`)
)

// detectron2Name returns the model's name of a tensor; prefix is that of the ResNet.
func detectron2Name(name, prefix string) string {
	if found := detectron2FPN.FindStringSubmatch(name); found != nil {
		blocks := map[string]string{"lateral": "inner", "output": "layer"}
		stage, _ := strconv.Atoi(found[2])
		return fmt.Sprintf("fpn.%s_blocks.%d.0.%s", blocks[found[1]], stage-2, found[3])
	}
	for _, part := range [][2]string{
		{prefix + "stem.conv1.norm.", "bn1."}, {prefix + "stem.conv1.", "conv1."},
		{"proposal_generator.rpn_head.conv.", "rpn.head.conv."},
		{"proposal_generator.rpn_head.objectness_logits.", "rpn.head.cls_logits."},
		{"proposal_generator.rpn_head.anchor_deltas.", "rpn.head.bbox_pred."},
	} {
		if rest, ok := strings.CutPrefix(name, part[0]); ok {
			return part[1] + rest
		}
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(name, prefix), "roi_heads.")
	found := detectron2Block.FindStringSubmatch(rest)
	if found == nil {
		return name
	}
	stage, _ := strconv.Atoi(found[1])
	layer := found[3]
	switch {
	case layer == "shortcut" && found[4] != "":
		layer = "downsample.1"
	case layer == "shortcut":
		layer = "downsample.0"
	case found[4] != "":
		layer = strings.Replace(layer, "conv", "bn", 1)
	}
	return fmt.Sprintf("layer%d.%s.%s.%s", stage-1, found[2], layer, found[5])
}
