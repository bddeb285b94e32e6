package bench

import (
	"fmt"

	"scalenet/backbone"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/rpn"
	"scalenet/train"
)

// pyramidCase times a detector with a feature pyramid. The baselines run torchvision's detector of the same shape, or for ScaleNet-50, which torchvision does not
// have, that of ResNet-50.
func pyramidCase(network string, typ engine.DType) Case {
	model, toPyTorch, toOpenVINO := "fasterrcnn_resnet50_fpn", 0.65, 0.75
	if network == "mobilenet_v3_large" {
		model, toPyTorch, toOpenVINO = "fasterrcnn_mobilenet_v3_large_320_fpn", 1, 0.8
	}
	args := []string{"--mode", "infer", "--model", model, "--dtype", typeName(typ)}
	c := Case{
		Name:     "fpn-" + network + "-" + typeName(typ),
		About:    fmt.Sprintf("Faster R-CNN with a pyramid on %s, image of %dx%d, %s", network, image.H, image.W, typeName(typ)),
		Features: typ,
		start:    func(dev engine.Device) (*subject, error) { return startPyramid(dev, network, typ) },
		Peers:    []Peer{pyTorch("pyramid.py", args...), openVINO("pyramid.py", args...)},
		Goals:    []Goal{{Peer: "PyTorch", Ratio: toPyTorch}, {Peer: "OpenVINO", Ratio: toOpenVINO}, {Peer: "PyTorch", Ratio: 1, Memory: true}},
	}
	switch typ {
	case engine.Float32:
		c.Peers = append(c.Peers, onnxRuntime("pyramid.py", args...))
	case int8:
		c.Peers = []Peer{c.Peers[1], {Name: "our bf16", Case: pyramidCase(network, engine.BFloat16).Name, Features: engine.BFloat16}}
		c.Goals = []Goal{{Peer: "OpenVINO", Ratio: 1}, {Peer: "our bf16", Ratio: 0.6}}
	}
	return c
}

// pyramidTrainingCase times a training step. The baseline of ScaleNet-50 is the same network in PyTorch, in torchvision's detector.
func pyramidTrainingCase(network string, precision train.Precision) Case {
	model := network
	if network == "resnet50" {
		model = "fasterrcnn_resnet50_fpn"
	}
	return trainingCase("fpn-"+network+"-train", Case{
		About: fmt.Sprintf("Faster R-CNN with a pyramid on %s, training step of one image of %dx%d, 512 regions, ", network, image.H, image.W),
		start: func(dev engine.Device) (*subject, error) {
			m, err := randomPyramid(network, precision)
			if err != nil {
				return nil, err
			}
			return startTraining(dev, m)
		},
		Peers: []Peer{pyTorch("pyramid.py", "--mode", "train", "--model", model)},
		Goals: []Goal{{Peer: "PyTorch", Ratio: 0.6}, {Peer: "PyTorch", Ratio: 1, Memory: true}},
	}, precision)
}

// randomPyramid has the settings of torchvision's detector of the same backbone; resnet50's for scalenet50.
func randomPyramid(network string, precision train.Precision) (*detector.Model, error) {
	c, err := detector.Presets().Get("fpn")
	if err != nil {
		return nil, err
	}
	c.Backbone = backbone.Config{Name: network}
	c.RoI.Align.SamplingRatio, c.RoI.Align.Aligned = 2, false
	c.RPN.Proposals.Train.AfterNMS = 2000
	c = c.WithTestSize(600, 1000)
	c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 1000, AfterNMS: 1000}
	if network == "mobilenet_v3_large" {
		c.Neck.Stages = []int{4, 5}
		c.RPN.Anchors.Stride, c.RPN.Anchors.SizePerLevel = 32, false
		c.RPN.Proposals.Test = rpn.Counts{BeforeNMS: 150, AfterNMS: 150}
		c = c.WithTestSize(320, 640)
	}
	c.Batch, c.Train.Precision = 1, precision
	m, err := detector.New(c, numberedClasses(90), 0)
	if err != nil {
		return nil, err
	}
	calm(m.Params)
	return m, nil
}

func startPyramid(dev engine.Device, network string, typ engine.DType) (*subject, error) {
	m, err := randomPyramid(network, train.Float32)
	if err != nil {
		return nil, err
	}
	return startDetection(dev, m, typ)
}
