package onnx

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/classify"
	"scalenet/detector"
	"scalenet/internal/config"
	"scalenet/nn"
)

// named is a model of a test.
type named[M any] struct {
	name  string
	model func(*testing.T) M
}

// tinyChannels are those of a tiny detector's RPN.
const tinyChannels = 16

// tinyC4 is a small detector without a pyramid.
const tinyC4 = `
backbone: {name: scalenet, stem: {channels: 8, kernel: 3}, blocks: [1, 1, 1, 1], planes: [4, 4, 8, 8], scales: [1, 2, 3],
  structure: [[3, 2, 2, 16], [3, 2, 2, 8], [6, 3, 2, 4], [6, 3, 2, 2]]}
rpn: {channels: 16, anchors: {sizes: [16, 32]}, proposals: {test: {before_nms: 300, after_nms: 40}}}
roi: {align: {size: 6}}
input: {test_shorter: 96, test_longest: 160}
`

// pyramid changes it to one with a pyramid.
const pyramid = `
neck: {stages: [2, 3, 4], channels: 16, norm: false, extra_level: true}
rpn: {anchors: {stride: 8, sizes: [16, 32, 64, 128], size_per_level: true}}
roi: {box_head: {linear: 2, channels: 32}, align: {canonical_size: 64, canonical_level: 4, level_formula: detectron2}}
`

// tinyDetectors are untrained detectors: one for each way of each part.
func tinyDetectors() (list []named[*detector.Model]) {
	for _, c := range []struct{ name, base, changes string }{
		{"c4", tinyC4, ""},
		{"c4-inclusive", tinyC4, "boxes: inclusive\nrpn: {objectness: softmax, anchors: {rounding: base}}\nroi: {class_agnostic: true, align: {aligned: false, sampling_ratio: 2}}"},
		{"c4-unpadded", tinyC4, "input: {divisor: 1}"},
		{"c4-opencv32", tinyC4, "input: {resize: opencv, rounding: round-once}"},
		{"c4-opencv", tinyC4, "input: {resize: opencv, rounding: round-once, divisor: 1}"},
		{"c4-factor", tinyC4, "input: {resize: opencv-factor, rounding: round-even, divisor: 1}"},
		{"c4-pillow", tinyC4, "input: {resize: pillow, rounding: round}\nbackbone: {downsample: stride}\nrpn: {proposals: {min_score: 0.5}}"},
		{"pyramid", tinyC4, pyramid},
		{"c4-align", tinyC4, "roi: {align: {points: jwyang-align}}\nboxes: inclusive"},
		{"c4-crop", tinyC4, "roi: {align: {points: jwyang-crop}}\nboxes: inclusive"},
	} {
		list = append(list, named[*detector.Model]{"tiny-" + c.name, func(t *testing.T) *detector.Model {
			settings, err := detector.Presets().Get("default")
			require.NoError(t, err)
			require.NoError(t, config.Merge(&settings, []byte(c.base), "tiny"))
			require.NoError(t, config.Merge(&settings, []byte(c.changes), c.name))
			m, err := detector.New(settings, []string{"cat", "dog", "sheep"}, 1)
			require.NoError(t, err)
			spread(m.Params)
			return m
		}})
	}
	return list
}

// spread makes the weights of the last layers larger: scores that differ by no more than rounding have no order.
func spread(params *nn.Params) {
	for _, p := range params.All() {
		factor := float32(1)
		switch {
		case strings.Contains(p.Name, "cls_logits.weight"), strings.Contains(p.Name, "cls_score.weight"):
			factor = 40
		case strings.Contains(p.Name, "rpn.head.bbox_pred.weight"):
			factor = 5
		case strings.Contains(p.Name, "bbox_pred.weight"):
			factor = 100
		}
		for i := range p.Data {
			p.Data[i] *= factor
		}
	}
}

// tinyClassifiers are untrained classifiers of every family of networks, at small sizes.
func tinyClassifiers() (list []named[*classify.Model]) {
	for _, c := range []struct {
		name         string
		size, resize int
	}{
		{"scalenet50", 224, 256}, {"resnet50", 64, 73}, {"seresnet50", 64, 73}, {"resnext50", 64, 73}, {"densenet121", 64, 73},
		{"xception", 96, 96}, {"mobilenet_v3_large", 64, 80}, {"cifar_scalenet38", 32, 32},
	} {
		list = append(list, named[*classify.Model]{c.name, func(t *testing.T) *classify.Model {
			settings := classify.Default()
			settings.Backbone.Name, settings.Input.Size, settings.Input.TestResize = c.name, c.size, c.resize
			m, err := classify.New(settings, []string{"cat", "dog", "sheep"}, 1)
			require.NoError(t, err)
			for _, p := range m.Params.All() { // as in a trained network, values neither grow nor vanish from block to block
				for i := range p.Data {
					if p.Kind == nn.NormVariance {
						p.Data[i] = 1.5
					}
				}
			}
			return m
		}})
	}
	return list
}

// goldenDetectors are the detectors of other projects that have golden files.
func goldenDetectors(t *testing.T) (names []string) {
	paths, err := filepath.Glob("../../detector/published/testdata/*_*.json.gz")
	require.NoError(t, err)
	for _, p := range paths {
		if name := strings.TrimSuffix(filepath.Base(p), ".json.gz"); name != "torchvision_step" {
			names = append(names, name)
		}
	}
	require.NotEmpty(t, names)
	return names
}
