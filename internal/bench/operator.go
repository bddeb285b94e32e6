package bench

import (
	"fmt"
	"math/rand/v2"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
	"scalenet/roi"
	"scalenet/rpn"
)

// roiAlignCase is RoIAlign of 300 RoIs of an image of 600 x 904.
func roiAlignCase() Case {
	return Case{
		Name:  "roialign-300",
		About: "RoIAlign of 300 regions, features 38x57x1024, 14x14 bins of 2x2 points",
		start: startRoIAlign,
		Peers: []Peer{pyTorch("operators.py", "--operator", "roialign")},
		Goals: []Goal{{AtMostMs: 100}},
	}
}

func startRoIAlign(dev engine.Device) (*subject, error) {
	const regions = 300
	g := nn.NewGraph(nn.NewParams(0), false)
	features, rois := g.Features("features", 1, 38, 57, 1024), g.Input("rois", regions, 5)
	out := nn.Apply(nn.RoIAlign{Size: 14, Scale: 1. / 16, Sampling: 2}, features, rois)
	store := engine.NewStore(dev, g.Params)
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{out}}})
	if err != nil {
		return nil, err
	}
	rows := make([]float32, 0, 5*regions)
	for _, b := range boxes(regions, 904, 600, 300) {
		rows = append(rows, 0, b.X1, b.Y1, b.X2, b.Y2)
	}
	if err := plan.Write(features, noise(38*57*1024)); err != nil {
		return nil, err
	}
	if err := plan.Write(rois, rows); err != nil {
		return nil, err
	}
	return &subject{run: plan.RunAll, close: func() { plan.Close() }}, nil
}

// nmsCase is NMS of RPN proposals.
func nmsCase() Case {
	const count = 6000
	return Case{
		Name:  "nms-6000",
		About: fmt.Sprintf("NMS of %d boxes at IoU 0.7", count),
		start: func(engine.Device) (*subject, error) {
			all, random := boxes(count, 904, 600, 300), rand.New(rand.NewPCG(1, 2))
			scores := make([]float32, count)
			for i := range scores {
				scores[i] = random.Float32()
			}
			run := func() error {
				geom.Continuous.NMS(all, scores, 0.7, -1)
				return nil
			}
			return &subject{run: run, close: func() {}}, nil
		},
		Peers: []Peer{pyTorch("operators.py", "--operator", "nms")},
		Goals: []Goal{{AtMostMs: 10}},
	}
}

// choiceCase is proposal selection and post-processing of a detector, on the device.
func choiceCase() Case {
	return Case{
		Name:  "choice",
		About: "proposals of 25,992 anchors, 6,000 before NMS and 300 after, then detections among 300 regions of 80 classes",
		start: startChoice,
	}
}

func startChoice(dev engine.Device) (*subject, error) {
	const h, w, classes = 38, 57, 80
	c, heads := rpn.Paper(), roi.Paper()
	c.Objectness = rpn.Sigmoid
	a, size := c.Anchors.PerCell(), geom.Size{W: 904, H: 600}
	g := nn.NewGraph(nn.NewParams(0), false)
	objectness, deltas := g.Input("objectness", 1, h, w, a), g.Input("deltas", 1, h, w, 4*a)
	anchors, asked := g.Input("anchors", h*w*a, 4), g.Input("proposals.limits", 1, nn.Limits)
	logits, offsets, limits := g.Input("logits", 300, classes+1), g.Input("offsets", 300, heads.Columns(classes)), g.Input("detections.limits", 1, nn.Limits)
	regions := nn.Apply(c.Operation(300), objectness, deltas, anchors, asked)
	found := nn.Apply(heads.Operation(100), logits, offsets, regions, limits)
	store := engine.NewStore(dev, g.Params)
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{found}}})
	if err != nil {
		return nil, err
	}
	for _, in := range []struct {
		node   *nn.Node
		values []float32
	}{
		{objectness, noise(h * w * a)},
		{deltas, noise(4 * h * w * a)},
		{anchors, geom.Rows(c.Anchors.Grid(h, w))},
		{asked, c.Proposals.Limits(size, c.Proposals.Test).Row()},
		{limits, heads.Detections.Limits(size).Row()},
		{logits, noise(300 * (classes + 1))},
		{offsets, noise(300 * heads.Columns(classes))},
	} {
		if err := plan.Write(in.node, in.values); err != nil {
			return nil, err
		}
	}
	return &subject{run: plan.RunAll, close: func() { plan.Close() }}, nil
}

// boxes returns random boxes in an image, with width and height from 16 to `largest`.
func boxes(n int, width, height, largest float32) []geom.Box {
	random := rand.New(rand.NewPCG(1, 3))
	list := make([]geom.Box, n)
	for i := range list {
		w, h := 16+random.Float32()*(largest-16), 16+random.Float32()*(largest-16)
		x, y := random.Float32()*(width-w), random.Float32()*(height-h)
		list[i] = geom.Box{X1: x, Y1: y, X2: x + w, Y2: y + h}
	}
	return list
}

// noise returns n values from [-1.7, 1.7), of variance about 1.
func noise(n int) []float32 {
	random := rand.New(rand.NewPCG(1, 1))
	v := make([]float32, n)
	for i := range v {
		v[i] = 3.4*random.Float32() - 1.7
	}
	return v
}
