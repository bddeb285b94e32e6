package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"scalenet/classify"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/engine"
	"scalenet/nn"
)

// open reads the model, the images and the device.
func (o *quantizeOptions) open(report io.Writer) (n network, close func(), err error) {
	export := exportOptions{model: o.model}
	classifier, err := export.isClassifier()
	if err != nil {
		return nil, nil, err
	}
	dev, err := o.device.open()
	if err != nil {
		return nil, nil, err
	}
	if err := dev.Capabilities().Int8; err != nil {
		dev.Close()
		return nil, nil, err
	}
	if classifier {
		n, err = o.openClassifier(report, dev)
	} else {
		n, err = o.openDetector(report, dev)
	}
	if err != nil {
		dev.Close()
		return nil, nil, err
	}
	return n, func() { dev.Close() }, nil
}

// floatModel is an error for a model that is quantized already.
func floatModel(path string, q *engine.Quantization) error {
	if q != nil {
		return fmt.Errorf("%s: is quantized already", path)
	}
	return nil
}

func (o *quantizeOptions) openDetector(report io.Writer, dev engine.Device) (network, error) {
	m, err := (&modelOptions{path: o.model, reading: o.reading}).load()
	if err != nil {
		return nil, err
	}
	if err := floatModel(o.model, m.Quantization); err != nil {
		return nil, err
	}
	data, err := o.data.open(report, m.Classes)
	if err != nil {
		return nil, err
	}
	if o.sample < len(data.Images) {
		if _, data, err = data.Split(float64(o.sample)/float64(len(data.Images)), 0); err != nil {
			return nil, err
		}
	}
	return &detectorNetwork{m, data, dev, report}, nil
}

// detectorNetwork is a detector with annotated images.
type detectorNetwork struct {
	model  *detector.Model
	data   *coco.Dataset
	dev    engine.Device
	report io.Writer
}

func (n *detectorNetwork) evaluate(ctx context.Context, w watching) (evaluated, error) {
	d := detector.NewDetector(n.model, n.dev, detector.Options{Quantization: w.quantization, Observe: w.observe, LayerError: w.layerError})
	defer d.Close()
	told := newProgress(n.report, "images", len(n.data.Images))
	e, err := d.Evaluate(ctx, n.data, detector.EvaluateOptions{Progress: told.done})
	if err != nil {
		told.end()
		return evaluated{}, err
	}
	return evaluated{e.Stats.AP(), d.BytesWeights()}, nil
}

func (n *detectorNetwork) floats() []string { return n.model.FloatWeights() }
func (n *detectorNetwork) layers() int      { return len(multiplying(n.model.Params)) }
func (n *detectorNetwork) metric() string   { return "AP" }
func (n *detectorNetwork) images() int      { return len(n.data.Images) }

func (n *detectorNetwork) save(path string, q *quantized) error {
	m := *n.model
	m.Quantization, m.Params = q.quantization, m.Params.WithBytes(q.int8.bytes)
	return m.Save(path)
}

func (o *quantizeOptions) openClassifier(report io.Writer, dev engine.Device) (network, error) {
	if o.data.images != "" || o.data.split != "" {
		return nil, fmt.Errorf("--images and --split are for detectors, %s is a classifier", o.model)
	}
	m, err := classify.Load(o.model, o.reading.options()...)
	if err != nil {
		return nil, err
	}
	if err := floatModel(o.model, m.Quantization); err != nil {
		return nil, err
	}
	data, err := classify.Open(o.data.path, classify.Train)
	if err != nil {
		return nil, err
	}
	return &classifierNetwork{m, data.Sample(o.sample), dev, report}, nil
}

// classifierNetwork is a classifier with labelled images.
type classifierNetwork struct {
	model  *classify.Model
	data   *classify.Dataset
	dev    engine.Device
	report io.Writer
}

func (n *classifierNetwork) evaluate(ctx context.Context, w watching) (evaluated, error) {
	c := classify.NewClassifier(n.model, n.dev, classify.Options{Quantization: w.quantization, Observe: w.observe, LayerError: w.layerError})
	defer c.Close()
	told := newProgress(n.report, "images", n.data.Len())
	m, err := c.Evaluate(ctx, n.data, classify.EvaluateOptions{Progress: told.done})
	if err != nil {
		told.end()
		return evaluated{}, err
	}
	return evaluated{m.Top1, c.BytesWeights()}, nil
}

// floats is the classifier.
func (n *classifierNetwork) floats() []string {
	all := multiplying(n.model.Params)
	return all[len(all)-1:]
}

func (n *classifierNetwork) layers() int    { return len(multiplying(n.model.Params)) }
func (n *classifierNetwork) metric() string { return "top-1 accuracy" }
func (n *classifierNetwork) images() int    { return n.data.Len() }

func (n *classifierNetwork) save(path string, q *quantized) error {
	m := *n.model
	m.Quantization, m.Params = q.quantization, m.Params.WithBytes(q.int8.bytes)
	return m.Save(path)
}

// multiplying are the names of the weights of convolutions and linear layers, in the order of the network.
func multiplying(params *nn.Params) (names []string) {
	for _, p := range params.All() {
		if p.Kind == nn.Weight && strings.HasSuffix(p.Name, ".weight") {
			names = append(names, p.Name)
		}
	}
	return names
}
