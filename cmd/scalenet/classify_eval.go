package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/classify"
	"scalenet/engine"
)

// classifierOptions are the flags of the commands that run a classifier.
type classifierOptions struct {
	path      string
	reading   reading
	precision precision
	device    deviceOptions
}

func (o *classifierOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "model", "", "model file")
	o.reading.flags(c)
	o.precision.flags(c)
	o.device.flags(c)
	requireFlags(c, "model")
}

// open loads the model and copies it to the device; close frees both.
func (o *classifierOptions) open(batch int) (m *classify.Model, c *classify.Classifier, close func(), err error) {
	if m, err = classify.Load(o.path, o.reading.options()...); err != nil {
		return nil, nil, nil, err
	}
	var dev engine.Device
	if dev, err = o.device.open(); err != nil {
		return nil, nil, nil, err
	}
	options := classify.Options{Batch: batch}
	if options.Features, options.Quantization, err = o.precision.on(dev, m.Quantization); err != nil {
		dev.Close()
		return nil, nil, nil, err
	}
	c = classify.NewClassifier(m, dev, options)
	return m, c, func() { c.Close(); dev.Close() }, nil
}

// classifyEvalOptions are the flags of `classify eval`.
type classifyEvalOptions struct {
	data   string
	batch  int
	json   bool
	model  classifierOptions
	images labelledImages
}

func newClassifyEvalCommand() *cobra.Command {
	var o classifyEvalOptions
	c := &cobra.Command{
		Use:   "eval --model FILE --data PATH",
		Short: "Evaluate a classifier: top-1 and top-5 accuracy on centre crops",
		Long: `Report top-1 and top-5 accuracy, and the corresponding error rates in percent, on
the test part of a data set. Images are resized and centre cropped as the model's
configuration says (for ImageNet, shorter side 256 and crop 224).`,
		Example: `  scalenet classify eval --model runs/scalenet38/best.safetensors --data cifar-100-binary.tar.gz
  scalenet classify eval --model scalenet50.safetensors --data imagenet --json
  mpirun -np 4 scalenet classify eval --model scalenet50.safetensors --data imagenet`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	c.Flags().StringVar(&o.data, "data", "", "data set; its test part is used")
	c.Flags().IntVar(&o.batch, "batch", 32, "images per batch")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	o.model.flags(c)
	o.images.flags(c)
	requireFlags(c, "data")
	return c
}

// mostBatch is the maximum of --batch, as that of a training's batch.
const mostBatch = 65536

func (o *classifyEvalOptions) run(c *cobra.Command) error {
	if o.batch < 1 || o.batch > mostBatch {
		return fmt.Errorf("--batch %d: want 1 to %d", o.batch, mostBatch)
	}
	return inGroup(c, &o.model.device, o.share)
}

// share is the part of this process.
func (o *classifyEvalOptions) share(c *cobra.Command, g group) error {
	errs := g.told(c.ErrOrStderr())
	set, err := o.images.open(errs, o.data, classify.Test)
	if err != nil {
		return err
	}
	m, classifier, closeAll, err := o.model.open(max(1, min(o.batch, set.Len()))) // no memory for more images than there are
	if err != nil {
		return err
	}
	defer closeAll()
	if err := g.sameEvaluation(set, m.Metadata(), m.Params.Tensors()); err != nil {
		return err
	}
	told := newProgress(errs, "images", set.Len())
	metrics, err := classifier.Evaluate(c.Context(), set, classify.EvaluateOptions{Skipped: o.images.skipped, Group: g.Group, Progress: told.done})
	if err != nil {
		told.end()
		return err
	}
	o.images.tell(errs)
	return o.print(g.told(c.OutOrStdout()), metrics)
}

func (o *classifyEvalOptions) print(w io.Writer, m classify.Metrics) error {
	if o.json {
		return json.NewEncoder(w).Encode(m)
	}
	fmt.Fprintf(w, "images          %d\n", m.Images)
	fmt.Fprintf(w, "top-1 accuracy  %.4f   error %.2f %%\n", m.Top1, 100*(1-m.Top1))
	_, err := fmt.Fprintf(w, "top-5 accuracy  %.4f   error %.2f %%\n", m.Top5, 100*(1-m.Top5))
	return err
}
