package published

import (
	"fmt"
	"regexp"
	"strings"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// torchvisionFamilies are the Faster R-CNNs of torchvision.models.detection. The two mobilenet models have the same tensors; the file's name says which
// one it is.
func torchvisionFamilies() []family {
	resnet := func(t tensors) bool { return t.has("backbone.body.conv1.weight") }
	mobile := func(t tensors) bool {
		return t.has("backbone.body.0.0.weight") && t.has("roi_heads.box_head.fc6.weight")
	}
	return []family{
		{"torchvision fasterrcnn_resnet50_fpn_v2", func(t tensors, _ string) bool { return resnet(t) && t.has("roi_heads.box_head.0.0.weight") }, fromResNet},
		{"torchvision fasterrcnn_resnet50_fpn", func(t tensors, _ string) bool { return resnet(t) && t.has("roi_heads.box_head.fc6.weight") }, fromResNet},
		{"torchvision fasterrcnn_mobilenet_v3_large_320_fpn", func(t tensors, file string) bool { return mobile(t) && strings.Contains(file, "320") }, fromMobileNet320},
		{"torchvision fasterrcnn_mobilenet_v3_large_fpn", func(t tensors, _ string) bool { return mobile(t) }, fromMobileNet},
	}
}

// zeroEps begins the SHA-256 of fasterrcnn_resnet50_fpn_coco-258fb6c6.pth, which torchvision runs with an epsilon of 0 (overwrite_eps).
const zeroEps = "258fb6c6"

// torchvisionEps returns the epsilon of the file's BatchNorms and a note that says so.
func torchvisionEps(s source) (float64, string) {
	switch {
	case s.options.Eps != nil:
		return *s.options.Eps, fmt.Sprintf("BatchNorm epsilon %g, as given", *s.options.Eps)
	case strings.HasPrefix(s.digest, zeroEps):
		return 0, "BatchNorm epsilon 0, as torchvision sets it for this file"
	}
	return nn.NormEps, fmt.Sprintf("BatchNorm epsilon %g, torchvision's default for detectors", nn.NormEps)
}

// torchvisionConfig has the settings that torchvision's Faster R-CNNs share, for levels of the given strides.
func torchvisionConfig(network string, stages []int, stride int) detector.Config {
	c := detector.Default()
	c.Backbone = backbone.Config{Name: network}
	c.Neck = &backbone.FPN{Stages: stages, Channels: 256, ExtraLevel: true}
	c.Boxes = geom.Continuous
	c.RPN.Channels = 256
	c.RPN.Anchors = rpn.Anchors{
		Stride: stride, Spacing: rpn.SpacingFloor, Sizes: []float64{32, 64, 128, 256, 512}, Ratios: []float64{0.5, 1, 2}, Rounding: rpn.RoundCorners,
	}
	c.RPN.Proposals.Train, c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 2000, AfterNMS: 2000}, rpn.Counts{BeforeNMS: 1000, AfterNMS: 1000}
	c.RoI.Align = roi.AlignConfig{
		Size: 7, SamplingRatio: 2, CanonicalSize: 224, CanonicalLevel: 4, LevelFormula: nn.TorchvisionLevels,
	}
	c.RoI.Targets.Samples, c.RoI.LossBeta = 512, 1.0/9
	c.RPN.Targets.CrowdShare, c.RoI.Targets.CrowdShare = 0, 0 // torchvision's training knows no crowds
	c.Input.Shorter, c.Input.Longest, c.Input.TestShorter, c.Input.TestLongest = []int{800}, 1333, 800, 1333
	return c
}

// fromResNet converts fasterrcnn_resnet50_fpn and _v2, also with a deeper ResNet.
func fromResNet(t tensors, s source) (d draft, err error) {
	network, err := resNetOf(t, "backbone.body.layer3.")
	if err != nil {
		return d, err
	}
	d.config = torchvisionConfig(network, []int{1, 2, 3, 4}, 4)
	d.config.RPN.Anchors.SizePerLevel = true
	return d, d.fromTorchvision(t, s, false)
}

// fromMobileNet converts fasterrcnn_mobilenet_v3_large_fpn.
func fromMobileNet(t tensors, s source) (d draft, err error) {
	d.config = torchvisionConfig("mobilenet_v3_large", []int{4, 5}, 32)
	d.config.RPN.Proposals.MinScore = 0.05
	d.config.Frozen.Stages = 2 // up to features.6, as torchvision's trainable_backbone_layers = 3
	return d, d.fromTorchvision(t, s, true)
}

// fromMobileNet320 converts fasterrcnn_mobilenet_v3_large_320_fpn.
func fromMobileNet320(t tensors, s source) (draft, error) {
	d, err := fromMobileNet(t, s)
	d.config.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 150, AfterNMS: 150}
	d.config.Input.Shorter, d.config.Input.Longest, d.config.Input.TestShorter, d.config.Input.TestLongest = []int{320}, 640, 320, 640
	return d, err
}

// fromTorchvision sets the parts of the draft that the tensors tell: classes, norms, depths of the heads.
func (d *draft) fromTorchvision(t tensors, s source, mobile bool) (err error) {
	if d.classes, err = classesOf(t, "roi_heads.box_predictor.cls_score"); err != nil {
		return err
	}
	c := &d.config
	c.Frozen.Norms = !s.trained
	c.Neck.Norm = t.has("backbone.fpn.inner_blocks.0.1.weight")
	c.RPN.Depth = max(1, t.count("rpn.head.conv.%d.0.weight"))
	convs := t.count("roi_heads.box_head.%d.0.weight")
	c.RoI.BoxHead = &roi.BoxHead{Linear: 2, Channels: 1024}
	if convs > 0 {
		c.RoI.BoxHead = &roi.BoxHead{Convs: convs, ConvChannels: 256, Linear: 1, Channels: 1024, Norm: true}
	}
	rename := func(name string) string {
		switch {
		case mobile && strings.HasPrefix(name, "backbone.body."):
			return strings.Replace(name, "backbone.body.", "features.", 1)
		case strings.HasPrefix(name, "backbone.body."):
			return strings.TrimPrefix(name, "backbone.body.")
		case strings.HasPrefix(name, "backbone.fpn."):
			return fpnName(name)
		case strings.HasPrefix(name, "rpn.head.conv."):
			return rpnName(name, c.RPN.Depth)
		case strings.HasPrefix(name, "roi_heads.box_head."):
			return boxHeadName(name, convs)
		}
		return name
	}
	if d.tensors, err = t.renamed(rename); err != nil {
		return err
	}
	was, note := torchvisionEps(s)
	d.notes = append(d.notes, note)
	if err := d.tensors.setEps(func(string) float64 { return was }, modelEps(mobile)); err != nil {
		return err
	}
	return d.tensors.toChannelsLast("roi_heads.box_head.fc1.weight", c.RoI.Align.Size)
}

// unnumberedLayer matches the names of the pyramid's convolutions before torchvision 0.13: fpn.inner_blocks.0.weight, now fpn.inner_blocks.0.0.weight.
var unnumberedLayer = regexp.MustCompile(`^(fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$`)

func fpnName(name string) string {
	return unnumberedLayer.ReplaceAllString(strings.TrimPrefix(name, "backbone."), "$1.0.$2")
}

// rpnName renames rpn.head.conv.I.0.weight, before torchvision 0.13 rpn.head.conv.weight.
func rpnName(name string, depth int) string {
	var i int
	var what string
	if n, _ := fmt.Sscanf(strings.ReplaceAll(name, ".", " "), "rpn head conv %d 0 %s", &i, &what); n != 2 {
		return name
	}
	if depth == 1 {
		return "rpn.head.conv." + what
	}
	return fmt.Sprintf("rpn.head.conv%d.%s", i+1, what)
}

// boxHeadName renames the layers of TwoMLPHead (fc6, fc7), or of FastRCNNConvFCHead, whose convolutions are followed by a Flatten and a Linear.
func boxHeadName(name string, convs int) string {
	const head = "roi_heads.box_head."
	rest := strings.TrimPrefix(name, head)
	for i := range convs {
		for part, now := range map[string]string{".0.": ".", ".1.": ".norm."} {
			if what, ok := strings.CutPrefix(rest, fmt.Sprint(i)+part); ok {
				return fmt.Sprintf("%sconv%d%s%s", head, i+1, now, what)
			}
		}
	}
	rest = strings.Replace(rest, fmt.Sprintf("%d.", convs+1), "fc1.", 1)
	return head + strings.Replace(strings.Replace(rest, "fc6.", "fc1.", 1), "fc7.", "fc2.", 1)
}
