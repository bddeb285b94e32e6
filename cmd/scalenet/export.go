package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"scalenet/checkpoint"
	"scalenet/classify"
	"scalenet/detector"
	"scalenet/export/onnx"
	"scalenet/internal/brief"
)

// exportOptions are the flags of export.
type exportOptions struct {
	model, onnx, size string
	from              reading
	files             outputs
}

func newExportCommand() *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use:   "export --model FILE --onnx OUT",
		Short: "Write a detector or a classifier as an ONNX model",
		Long: `Write a model as one ONNX graph, from the bytes of images to detections or logits. It has resizing, normalisation and padding, the
network, and for detectors the selection of proposals, RoIAlign and NMS. Batch, height and width are dynamic. Weights are float32.

Input: image (batch, height, width, 3) uint8, RGB.
Outputs of a detector: boxes (detections, 4) in pixels of the image, labels, scores, batch_indices (the image of each detection).
Outputs of a classifier: logits and probabilities (batch, classes).
Labels count from 0. The metadata has the class names as JSON under "classes", and the configuration.

The operations are those of opset 17. docs/export.md says what differs from "scalenet detect", and by how much.`,
		Example: `  scalenet export --model models/bccd.safetensors --onnx bccd.onnx
  scalenet export --model coco.safetensors --size 600/1000 --onnx small.onnx`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.ErrOrStderr()) },
	}
	f := c.Flags()
	f.StringVar(&o.model, "model", "", "model file of a detector or a classifier")
	f.StringVar(&o.onnx, "onnx", "", "ONNX file to write; its extension is .onnx")
	f.StringVar(&o.size, "size", "", "min_size/max_size of a detector's input, as for detect (default: those of the model)")
	o.from.flags(c)
	o.files.flags(c, "onnx")
	requireFlags(c, "model", "onnx")
	return c
}

func (o *exportOptions) run(report io.Writer) error {
	if ending := filepath.Ext(o.onnx); ending != ".onnx" {
		return fmt.Errorf("--onnx %s: the extension is %q, want .onnx", o.onnx, ending)
	}
	if err := o.files.check([]string{o.model}, output{of: "--onnx", path: o.onnx}); err != nil {
		return err
	}
	m, err := o.convert()
	if err != nil {
		return err
	}
	if err := o.files.write(o.onnx, m.Save); err != nil {
		return err
	}
	stat, err := os.Stat(o.onnx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(report, "%s: %s, %d bytes\n", o.onnx, brief.Count(m.Operations(), "operation"), stat.Size())
	return err
}

// convert reads the model, whose metadata says of which kind it is.
func (o *exportOptions) convert() (*onnx.Model, error) {
	classifier, err := o.isClassifier()
	if err != nil {
		return nil, err
	}
	if !classifier {
		m, err := (&modelOptions{path: o.model, size: o.size, reading: o.from}).load()
		if err != nil {
			return nil, err
		}
		return onnxOf(o.model, onnx.Detector, m)
	}
	if o.size != "" {
		return nil, fmt.Errorf("--size %s: %s is a classifier, whose input size is part of the model", o.size, o.model)
	}
	m, err := classify.Load(o.model, o.from.options()...)
	if err != nil {
		return nil, err
	}
	return onnxOf(o.model, onnx.Classifier, m)
}

// onnxOf adds the name of the file to errors.
func onnxOf[M *detector.Model | *classify.Model](path string, export func(M) (*onnx.Model, error), m M) (*onnx.Model, error) {
	out, err := export(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// isClassifier reports whether the model file is that of a classifier. A file that is neither of both kinds is an error.
func (o *exportOptions) isClassifier() (bool, error) {
	r, err := checkpoint.Open(o.model, checkpoint.NoVerify)
	if err != nil {
		return false, pullHint(err, o.model)
	}
	defer r.Close()
	_, detects, _ := checkpoint.Config(r.Metadata(), checkpoint.DetectorKey)
	_, classifies, _ := checkpoint.Config(r.Metadata(), checkpoint.ClassifierKey)
	if !detects && !classifies {
		return false, fmt.Errorf("%s: neither a detector nor a classifier: its metadata has no configuration", o.model)
	}
	return classifies && !detects, nil
}
