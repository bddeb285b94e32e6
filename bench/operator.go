package bench

import (
	"fmt"
	"math/rand/v2"

	"scalenet/engine"
	"scalenet/geom"
	"scalenet/nn"
)

// roiAlignCase is RoIAlign of 300 regions of a picture of 600 x 904.
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
	features, rois := g.Input("features", 1, 38, 57, 1024), g.Input("rois", regions, 5)
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

// nmsCase is the suppression among an RPN's proposals.
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

// boxes are random boxes within a picture, with sides from 16 to `largest`.
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

// noise is n values from [-1.7, 1.7), of variance about one.
func noise(n int) []float32 {
	random := rand.New(rand.NewPCG(1, 1))
	v := make([]float32, n)
	for i := range v {
		v[i] = 3.4*random.Float32() - 1.7
	}
	return v
}
