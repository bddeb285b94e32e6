package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/engine"
	"scalenet/engine/calibrate"
	"scalenet/internal/brief"
)

// quantizeOptions are the flags of quantize.
type quantizeOptions struct {
	model   string
	data    annotatedData
	out     string
	sample  int
	maxLoss float64
	reading reading
	device  deviceOptions
	files   outputs
}

func newQuantizeCommand() *cobra.Command {
	var o quantizeOptions
	c := &cobra.Command{
		Use:   "quantize --model FILE --data PATH --out FILE",
		Short: "Make a model compute in int8 on CPUs",
		Long: `Choose the scales with which the convolutions and linear layers of a detector or a
classifier compute in 8-bit integers, and write the model with them and with weights in
bytes. The commands that take a model compute in int8 with the new file, and in float,
with the rounded weights, with --precision float32.

PATH are training images, in the data sets' formats of 'eval' and 'classify eval'; never
those that the model is to be measured on. The network runs on about --sample of them
in float, and the scale of each activation is chosen by the values that it has there.
Weights have a scale per output channel. The predictors stay in float.

AP, or top-1 accuracy, of the same images is then computed in int8. If it is lower
than in float by more than --max-loss, the layers with the largest errors return to
float, one by one, at most ten. A card beside FILE records what was done: bccd-int8.md
for bccd-int8.safetensors.`,
		Example: `  scalenet quantize --model models/bccd.safetensors --data data/bccd --out bccd-int8.safetensors
  scalenet quantize --model cifar.safetensors --data cifar-100-binary.tar.gz --out cifar-int8.safetensors`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.model, "model", "", "model file of a detector or a classifier")
	o.data.flags(c, "data", "training images", "", "train")
	f.StringVar(&o.out, "out", "", "model file to write; its extension is .safetensors")
	f.IntVar(&o.sample, "sample", 200, "number of images that are used, approximately for detectors: they are chosen by class")
	f.Float64Var(&o.maxLoss, "max-loss", 0.005, "maximum loss of AP or top-1 accuracy on these images")
	o.reading.flags(c)
	o.device.flags(c)
	o.files.flags(c, "out")
	requireFlags(c, "model", "out")
	return c
}

// card is the file beside the model.
func (o *quantizeOptions) card() string { return strings.TrimSuffix(o.out, ".safetensors") + ".md" }

func (o *quantizeOptions) run(c *cobra.Command) error {
	switch {
	case !strings.HasSuffix(o.out, ".safetensors"):
		return fmt.Errorf("--out %s: want a name that ends in .safetensors", shortened(o.out))
	case o.sample < 1:
		return fmt.Errorf("--sample %d: want at least 1", o.sample)
	case !(o.maxLoss >= 0 && o.maxLoss <= 1):
		return fmt.Errorf("--max-loss %v: want a number from 0 to 1", o.maxLoss)
	}
	read := []string{o.model, o.data.path, o.data.images}
	if err := o.files.check(read, output{of: "--out", path: o.out}, output{of: "the card", path: o.card()}); err != nil {
		return err
	}
	n, closeNetwork, err := o.open(c.ErrOrStderr())
	if err != nil {
		return err
	}
	defer closeNetwork()
	made, err := o.quantize(c.Context(), c.ErrOrStderr(), n)
	if err != nil {
		return err
	}
	text := made.card(o, n)
	if err := o.files.write(o.out, func(path string) error { return n.save(path, made) }); err != nil {
		return err
	}
	if err := o.files.write(o.card(), func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }); err != nil {
		return err
	}
	_, err = io.WriteString(c.OutOrStdout(), made.summary(n))
	return err
}

// network is a model to quantize with its images.
type network interface {
	// evaluate runs the network on the images.
	evaluate(ctx context.Context, w watching) (evaluated, error)
	// floats are the names of the weights of predictors.
	floats() []string
	// layers counts the convolutions and linear layers.
	layers() int
	metric() string
	images() int
	save(path string, q *quantized) error
}

// evaluated is the AP or top-1 accuracy of a run, and the weights that it read as bytes, with the input channels at which their parts begin.
type evaluated struct {
	metric float64
	bytes  map[string][]int
}

// watching is how a network runs: in float if quantization is nil or layerError is not.
type watching struct {
	quantization *engine.Quantization
	observe      func(string, []float32)
	layerError   engine.LayerError
}

// quantized is the result of quantize.
type quantized struct {
	quantization *engine.Quantization
	float, int8  evaluated
	returned     []layerError // to float, in this order
}

// layerError is the error of a layer as a part of the root mean square of its results.
type layerError struct {
	weight string
	error  float64
}

// mostReturned is how many layers return to float at most.
const mostReturned = 10

func (o *quantizeOptions) quantize(ctx context.Context, report io.Writer, n network) (*quantized, error) {
	scales := calibrate.New()
	float, err := n.evaluate(ctx, watching{observe: scales.Observe})
	if err != nil {
		return nil, err
	}
	q := &quantized{quantization: &engine.Quantization{Values: scales.Quants(), Float: n.floats()}, float: float}
	if len(q.quantization.Values) == 0 {
		return nil, errors.New("the network has no values above zero on these images")
	}
	var worst []layerError
	for {
		if q.int8, err = n.evaluate(ctx, watching{quantization: q.quantization}); err != nil {
			return nil, err
		}
		fmt.Fprintf(report, "%s %.4f in float, %.4f in int8\n", n.metric(), q.float.metric, q.int8.metric)
		if q.float.metric-q.int8.metric <= o.maxLoss {
			return q, nil
		}
		if worst == nil {
			if worst, err = layerErrors(ctx, n, q.quantization); err != nil {
				return nil, err
			}
		}
		if len(q.returned) == min(mostReturned, len(worst)) {
			return nil, fmt.Errorf("%s is lower in int8 by %.4f even with %d layers in float; --max-loss %v allows less", n.metric(), q.float.metric-q.int8.metric, len(q.returned), o.maxLoss)
		}
		next := worst[len(q.returned)]
		fmt.Fprintf(report, "%s returns to float: error %.3f\n", next.weight, next.error)
		q.returned = append(q.returned, next)
		q.quantization.Float = append(q.quantization.Float, next.weight)
	}
}

// layerErrors returns the layers by descending error. It takes one run.
func layerErrors(ctx context.Context, n network, q *engine.Quantization) ([]layerError, error) {
	type sums struct{ squares, errors float64 }
	by := map[string]*sums{}
	if _, err := n.evaluate(ctx, watching{quantization: q, layerError: func(weight string, squares, errors float64) {
		s := by[weight]
		if s == nil {
			s = &sums{}
			by[weight] = s
		}
		s.squares, s.errors = s.squares+squares, s.errors+errors
	}}); err != nil {
		return nil, err
	}
	var list []layerError
	for weight, s := range by {
		if s.squares > 0 {
			list = append(list, layerError{weight, math.Sqrt(s.errors / s.squares)})
		}
	}
	slices.SortFunc(list, func(a, b layerError) int {
		return cmp.Or(cmp.Compare(b.error, a.error), cmp.Compare(a.weight, b.weight))
	})
	return list, nil
}

func (q *quantized) summary(n network) string {
	return fmt.Sprintf("%d of %d layers in int8; %s %.4f in float, %.4f in int8 (%s)\n",
		n.layers()-len(q.quantization.Float), n.layers(), n.metric(), q.float.metric, q.int8.metric, brief.Count(n.images(), "image"))
}

// card describes the model in Markdown.
func (q *quantized) card(o *quantizeOptions, n network) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s in int8 for CPUs, written by `scalenet quantize`. Its weights are bytes (I8) with a scale per output channel.\n\n", filepath.Base(o.out), filepath.Base(o.model))
	fmt.Fprintf(&b, "| | |\n|---|---|\n| images | %d of %s |\n| %s in float, on these images | %.4f |\n| %s in int8, on these images | %.4f |\n| layers in int8 | %d of %d |\n| scales of activations | %d |\n",
		n.images(), filepath.Base(o.data.path), n.metric(), q.float.metric, n.metric(), q.int8.metric, n.layers()-len(q.quantization.Float), n.layers(), len(q.quantization.Values))
	fmt.Fprintf(&b, "\nMeasure the model on images that it was neither trained nor calibrated on.\n\n## Layers in float\n\n")
	for _, name := range n.floats() {
		fmt.Fprintf(&b, "* `%s` (predictor)\n", name)
	}
	for _, l := range q.returned {
		fmt.Fprintf(&b, "* `%s`: error %.3f of its results' root mean square\n", l.weight, l.error)
	}
	return b.String()
}
