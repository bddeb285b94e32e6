package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"scalenet/backbone"
	"scalenet/classify"
	"scalenet/engine"
	"scalenet/engine/calibrate"
	"scalenet/nn"
	"scalenet/train"
)

// int8 is the type of activations of cases in int8, which are quantized by their own input.
const int8 = engine.UInt8

// typeName is the name of a type of activations in cases and to the scripts.
func typeName(typ engine.DType) string {
	if typ == int8 {
		return "int8"
	}
	return typ.String()
}

// int8Case is a network in int8 next to OpenVINO's, quantized by NNCF, and to our own other types.
func int8Case(network string, size imageSize) Case {
	c := classifierCase(network, 1, size, int8)
	of := func(typ engine.DType) string { return fmt.Sprintf("%s-%s-%s", network, size, typ) }
	c.Peers = []Peer{
		c.Peers[1], // OpenVINO
		{Name: "our bf16", Case: of(engine.BFloat16), Features: engine.BFloat16}, {Name: "our f32", Case: of(engine.Float32)},
	}
	c.Goals = []Goal{{Peer: "OpenVINO", Ratio: 0.95}, {Peer: "our bf16", Ratio: 0.6}, {Peer: "our f32", Ratio: 0.5}}
	return c
}

// classifierCase names a batch only where it has more than one image.
func classifierCase(network string, batch int, size imageSize, typ engine.DType) Case {
	name, images := network, "one image"
	if batch > 1 {
		name, images = fmt.Sprintf("%s-b%d", network, batch), fmt.Sprintf("%d images", batch)
	}
	args := []string{"--model", network, "--batch", fmt.Sprint(batch), "--height", fmt.Sprint(size.height), "--width", fmt.Sprint(size.width), "--dtype", typeName(typ)}
	c := Case{
		Name:     fmt.Sprintf("%s-%s-%s", name, size, typeName(typ)),
		About:    fmt.Sprintf("%s, %s of %s, %s", network, images, size, typeName(typ)),
		Features: typ,
		start:    func(dev engine.Device) (*subject, error) { return startClassifier(dev, network, batch, size, typ) },
		Peers: []Peer{
			pyTorch("classifier.py", args...),
			openVINO("classifier.py", args...),
		},
		Goals: []Goal{{Peer: "OpenVINO", Ratio: 1.05}, {Peer: "PyTorch", Ratio: 1, Memory: true}},
	}
	if typ == engine.Float32 { // ONNX Runtime has no bfloat16 on the CPU
		c.Peers = append(c.Peers, onnxRuntime("classifier.py", args...))
		c.Goals = append(c.Goals, Goal{Peer: "ONNX Runtime", Ratio: 0.9})
	}
	if network != "scalenet50" {
		c.Goals = nil // baselines are measured, but there is no target
	}
	return c
}

func startClassifier(dev engine.Device, network string, batch int, size imageSize, typ engine.DType) (*subject, error) {
	n, err := backbone.Config{Name: network}.New()
	if err != nil {
		return nil, err
	}
	g := nn.NewGraph(nn.NewParams(0), false)
	var images, logits *nn.Node
	err = nn.Build(func() {
		images = g.Features("images", batch, size.height, size.width, 3)
		logits = backbone.Classifier(g, n, images, 1000)
	})
	if err != nil {
		return nil, err
	}
	calm(g.Params)
	store := engine.NewReadOnlyStore(dev, g.Params)
	input, output := noise(batch*size.height*size.width*3), make([]float32, batch*1000)
	spec := engine.Spec{Graph: g, Stages: [][]*nn.Node{{logits}}, Features: typ}
	run := func(plan *engine.Plan) error {
		if err := plan.Write(images, input); err != nil {
			return err
		}
		if err := plan.RunAll(); err != nil {
			return err
		}
		return plan.Read(logits, output)
	}
	if typ == int8 {
		spec.Features = engine.Float32
		if spec.Quantization, err = quantized(dev, store, spec, run); err != nil {
			return nil, err
		}
	}
	plan, err := engine.Compile(dev, store, spec)
	if err != nil {
		return nil, err
	}
	return &subject{run: func() error { return run(plan) }, close: func() { plan.Close(); store.Close() }, plan: plan}, nil
}

// quantized calibrates a network on its input. The classifier stays in float.
func quantized(dev engine.Device, store *engine.Store, spec engine.Spec, run func(*engine.Plan) error) (*engine.Quantization, error) {
	c := calibrate.New()
	spec.Observe = c.Observe
	plan, err := engine.Compile(dev, store, spec)
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	if err := run(plan); err != nil {
		return nil, err
	}
	var weights []string
	for _, p := range spec.Graph.Params.All() {
		if p.Kind == nn.Weight {
			weights = append(weights, p.Name)
		}
	}
	return &engine.Quantization{Values: c.Quants(), Float: weights[len(weights)-1:]}, nil
}

// classifierTrainingCase is a training step; classes is that of the data set.
func classifierTrainingCase(network string, batch, side, classes int, precision train.Precision, goals ...Goal) Case {
	return trainingCase(network+"-train", Case{
		About: fmt.Sprintf("%s, training step of %d images of %d, ", network, batch, side),
		start: func(dev engine.Device) (*subject, error) {
			return startClassifierTraining(dev, network, batch, side, classes, precision)
		},
		Peers: []Peer{pyTorch("classifier_training.py", "--model", network, "--batch", fmt.Sprint(batch), "--size", fmt.Sprint(side))},
		Goals: goals,
	}, precision)
}

// trainingCase completes a case: in a 16-bit type it also has the float32 case as baseline.
func trainingCase(name string, c Case, precision train.Precision) Case {
	c.Name, c.Features = name, precision.Features()
	c.About += c.Features.String()
	c.Peers[0].Args = append(c.Peers[0].Args, "--dtype", c.Features.String())
	if precision != train.Float32 {
		c.Name += "-" + c.Features.String()
		c.Peers = append(c.Peers, Peer{Name: "our f32", Case: name})
		c.Goals = append(c.Goals, Goal{Peer: "our f32", Ratio: 1})
	}
	return c
}

func startClassifierTraining(dev engine.Device, network string, batch, side, classes int, precision train.Precision) (*subject, error) {
	c := classify.Default()
	c.Backbone.Name, c.Batch, c.Train.Precision = network, batch, precision
	c.Input.Size, c.Input.TestResize = side, side
	names := make([]string, classes)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	m, err := classify.New(c, names, 0)
	if err != nil {
		return nil, err
	}
	trainer, err := classify.NewTrainer(m, dev, nil, nil)
	if err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(1, 1))
	b := &classify.Batch{Pixels: make([]uint8, batch*side*side*3), Shifts: make([]float32, batch*3), Labels: make([]int32, batch), Names: make([]string, batch)}
	for i := range b.Pixels {
		b.Pixels[i] = uint8(random.UintN(256))
	}
	for i := range b.Labels {
		b.Labels[i] = int32(i)
	}
	return trainingStep(dev, trainer, m.Config.Train, b)
}

// trainer is a model in training.
type trainer[B any] interface {
	train.Model[B]
	Close()
}

// trainingStep is a step as a training run makes it: forward, backward, running statistics, SGD.
func trainingStep[B any](dev engine.Device, t trainer[B], c train.Config, batch B) (*subject, error) {
	optimizer, err := train.NewOptimizer(dev, t.Params(), c)
	if err != nil {
		return nil, err
	}
	step := func() error {
		grads, err := t.Backward(context.Background(), batch, 1)
		if err != nil {
			return err
		}
		if err := t.UpdateRunning(grads.Moments); err != nil {
			return err
		}
		if err := optimizer.Accumulate(grads.Grads); err != nil {
			return err
		}
		return optimizer.Step(1e-3)
	}
	return &subject{run: step, close: func() { optimizer.Close(); t.Close() }}, nil
}

// calm scales down the residual branch of each block, so that activations of random
// networks stay of order one.
func calm(params *nn.Params) {
	for _, p := range params.All() {
		if p.Kind == nn.NormWeight && strings.HasSuffix(p.Name, "bn3.weight") {
			for i := range p.Data {
				p.Data[i] = 0.3
			}
		}
	}
}
