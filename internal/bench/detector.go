package bench

import (
	"fmt"
	"math/rand/v2"

	"scalenet/coco"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/engine/calibrate"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
	"scalenet/train"
)

// image is the size that detectors are timed at: no resize, padded to 608 x 928.
var image = geom.Size{W: 904, H: 600}

func detectorCase(typ engine.DType) Case {
	c := Case{
		Name:     "detector-" + typ.String(),
		About:    fmt.Sprintf("Faster R-CNN C4 around scalenet50, image of %dx%d, 300 regions, %s", image.H, image.W, typ),
		Features: typ,
		start:    func(dev engine.Device) (*subject, error) { return startDetector(dev, typ) },
		Peers:    []Peer{pyTorch("detector.py", "--mode", "infer", "--dtype", typ.String())},
		Goals:    []Goal{{Peer: "PyTorch", Ratio: 1, Memory: true}},
	}
	if typ == engine.BFloat16 {
		c.Peers = append(c.Peers, Peer{Name: "our f32", Case: "detector-f32"})
		c.Goals = append(c.Goals, Goal{Peer: "our f32", Ratio: 0.6})
	} else {
		c.Goals = append(c.Goals, Goal{Peer: "PyTorch", Ratio: 0.75})
	}
	return c
}

// randomDetector is the default detector with the settings of the baseline: 12 anchors
// per pixel, 81 classes with background, sampling ratio 2, 300 of 6,000 proposals in use
// and 128 RoIs in training.
func randomDetector(precision train.Precision) (*detector.Model, error) {
	c := detector.Default()
	c.RPN.Anchors.Sizes = []float64{64, 128, 256, 512}
	c.RoI.Align.SamplingRatio = 2
	c.RoI.Targets.Samples = 128
	c.RPN.Proposals.Train.BeforeNMS, c.RPN.Proposals.Train.AfterNMS = 12000, 2000
	c.RPN.Proposals.Test.BeforeNMS, c.RPN.Proposals.Test.AfterNMS = 6000, 300
	c.Batch, c.Train.Precision = 1, precision
	m, err := detector.New(c, numberedClasses(80), 0)
	if err != nil {
		return nil, err
	}
	calm(m.Params)
	return m, nil
}

func numberedClasses(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("class ", i+1))
	}
	return names
}

func startDetector(dev engine.Device, typ engine.DType) (*subject, error) {
	m, err := randomDetector(train.Float32)
	if err != nil {
		return nil, err
	}
	return startDetection(dev, m, typ)
}

// startDetection detects objects in a random image, by which int8 is calibrated.
func startDetection(dev engine.Device, m *detector.Model, typ engine.DType) (*subject, error) {
	im, o := randomImage(), detector.Options{Features: typ}
	if typ == int8 {
		c := calibrate.New()
		watched := detector.NewDetector(m, dev, detector.Options{Observe: c.Observe})
		_, _, err := watched.Detect(im)
		if watched.Close(); err != nil {
			return nil, err
		}
		o = detector.Options{Quantization: &engine.Quantization{Values: c.Quants(), Float: m.FloatWeights()}}
	}
	d := detector.NewDetector(m, dev, o)
	run := func() error {
		_, _, err := d.Detect(im)
		return err
	}
	return &subject{run: run, close: d.Close}, nil
}

func randomImage() *imaging.Image {
	im := imaging.New(image.W, image.H)
	random := rand.New(rand.NewPCG(1, 4))
	for i := range im.Pix {
		im.Pix[i] = uint8(random.Uint32())
	}
	return im
}

func detectorTrainingCase(precision train.Precision) Case {
	return trainingCase("detector-train", Case{
		About: fmt.Sprintf("the same, training step of one image of %dx%d, 128 regions, ", image.H, image.W),
		start: func(dev engine.Device) (*subject, error) { return startDetectorTraining(dev, precision) },
		Peers: []Peer{pyTorch("detector.py", "--mode", "train")},
		Goals: []Goal{{Peer: "PyTorch", Ratio: 1}},
	}, precision)
}

func startDetectorTraining(dev engine.Device, precision train.Precision) (*subject, error) {
	m, err := randomDetector(precision)
	if err != nil {
		return nil, err
	}
	return startTraining(dev, m)
}

// startTraining trains on a random image with eight objects.
func startTraining(dev engine.Device, m *detector.Model) (*subject, error) {
	trainer, err := detector.NewTrainer(m, dev, nil, rand.New(rand.NewPCG(1, 5)))
	if err != nil {
		return nil, err
	}
	const objects = 8
	sample := coco.Sample{
		FileName: "random", Original: image, Resized: image, ScaleX: 1, ScaleY: 1,
		Boxes: boxes(objects, float32(image.W), float32(image.H), 300),
		Crowd: make([]bool, objects),
	}
	for i := range objects {
		sample.Classes = append(sample.Classes, 1+i)
	}
	b := &coco.Batch{H: m.PadTo(image.H), W: m.PadTo(image.W), Samples: []coco.Sample{sample}}
	if dev.Capabilities().PreprocessesImages {
		b.Raw = []coco.RawImage{{Image: randomImage(), Transform: raster.Transform{W: image.W, H: image.H}}}
	} else {
		b.Pixels = noise(b.H * b.W * 3)
	}
	return trainingStep(dev, trainer, m.Config.Train, b)
}
