package cpu

// #include "kernels.h"
import "C"

import (
	"cmp"
	"errors"
	"fmt"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

// onednnKernel makes k the kernel; params are what its packed weight depends on.
func (c *compiler) onednnKernel(k *C.sn_kernel, failure *message, params ...engine.Tensor) error {
	if k == nil {
		return errors.New(failure.String())
	}
	c.onednn = k
	version := versionOf(params)
	c.run = func() error {
		var failure message
		if C.sn_run(k, version(), failure.c()) != 0 {
			return fmt.Errorf("cpu: %s: %s", c.name, &failure)
		}
		return nil
	}
	return nil
}

// versionOf sums the counters of changes, which only grow. Without a counter a
// parameter counts as changed in every run.
func versionOf(params []engine.Tensor) func() C.uint64_t {
	var counters []*uint64
	for _, p := range params {
		if p.Version == nil {
			return func() C.uint64_t { return C.SN_ALWAYS }
		}
		counters = append(counters, p.Version)
	}
	return func() C.uint64_t {
		var sum uint64
		for _, n := range counters {
			sum += *n
		}
		return C.uint64_t(sum)
	}
}

// identity tells sets of counters apart.
func identity(params []engine.Tensor) C.uint64_t {
	h := uint64(14695981039346656037)
	for _, p := range params {
		h = (h ^ uint64(uintptr(unsafe.Pointer(p.Version)))) * 1099511628211
	}
	return C.uint64_t(h)
}

func convShape(op nn.Conv2D, x, y, w engine.Tensor) C.sn_conv_shape {
	return C.sn_conv_shape{
		n: C.int64_t(x.Shape[0]), h: C.int64_t(x.Shape[1]), w: C.int64_t(x.Shape[2]), ci: C.int64_t(x.Shape[3]),
		oh: C.int64_t(y.Shape[1]), ow: C.int64_t(y.Shape[2]), co: C.int64_t(y.Shape[3]),
		kh: C.int64_t(w.Shape[2]), kw: C.int64_t(w.Shape[3]),
		stride: C.int64_t(op.Stride), pad: C.int64_t(op.Pad), dilation: C.int64_t(op.Dilation), groups: C.int64_t(op.Groups),
	}
}

// weightOf describes w[:, from:to] folded with gamma, beta, mean and variance.
func weightOf(w engine.Tensor, from, to int) C.sn_weight {
	if to == 0 {
		to = w.Shape[1]
	}
	kh, kw := 1, 1
	if len(w.Shape) == 4 {
		kh, kw = w.Shape[2], w.Shape[3]
	}
	return C.sn_weight{
		weight: floats(w), co: C.int64_t(w.Shape[0]), weight_ci: C.int64_t(w.Shape[1]),
		from: C.int64_t(from), ci: C.int64_t(to - from), kh: C.int64_t(kh), kw: C.int64_t(kw),
	}
}

func checkSlice(w engine.Tensor, from, to, groups int) error {
	if to == 0 && from == 0 {
		return nil
	}
	if from < 0 || from >= to || to > w.Shape[1] || groups > 1 {
		return fmt.Errorf("channels [%d, %d) of weight %v in %d groups", from, to, w.Shape, groups)
	}
	return nil
}

func wantChannels(c int, ts ...engine.Tensor) error {
	for _, t := range ts {
		if t.Shape.TotalSize() != c {
			return fmt.Errorf("%v for %d channels", t.Desc, c)
		}
	}
	return engine.CheckType(engine.Float32, ts...)
}

func (c *compiler) convBlock(op engine.ConvBlock) error {
	inputs := op.ResidualAt()
	if op.Residual {
		inputs++
	}
	if len(c.in) != inputs {
		return fmt.Errorf("%d inputs, want %d", len(c.in), inputs)
	}
	x, w, y := c.in[0], c.in[1], c.out
	params := c.in[1:op.ResidualAt()]
	if err := errors.Join(engine.CheckType(engine.Float32, w), wantChannels(w.Shape[0], params[1:]...),
		checkSlice(w, op.From, op.To, op.Conv2D.Groups)); err != nil {
		return err
	}
	xt, err := feature(x)
	if err != nil {
		return err
	}
	yt, err := feature(y)
	if err != nil {
		return err
	}
	conv := C.sn_conv{
		shape: convShape(op.Conv2D, x, y, w), weight: weightOf(w, op.From, op.To),
		images: C.int64_t(cmp.Or(op.Images, x.Shape[0])), x_type: xt, y_type: yt, x: at(x), y: at(y),
	}
	if op.Bias {
		conv.weight.bias = floats(c.in[2])
	}
	if op.Norm.On {
		n := c.in[op.NormAt():]
		conv.weight.gamma, conv.weight.variance = floats(n[0]), floats(n[3])
		conv.weight.eps = C.double(op.Norm.Eps)
		if !op.Norm.ScaleOnly {
			conv.weight.beta, conv.weight.mean = floats(n[1]), floats(n[2])
		}
	}
	if op.Residual {
		r := c.in[op.ResidualAt()]
		if !r.Shape.Equal(y.Shape) || (at(r) == at(y) && r.Type != y.Type) {
			return fmt.Errorf("residual %v", r.Desc)
		}
		if conv.residual_type, err = feature(r); err != nil {
			return err
		}
		conv.residual = at(r)
	}
	switch op.Activation {
	case engine.ReLU:
		conv.activation = C.SN_RELU
	case engine.HardSwish:
		conv.activation = C.SN_HARD_SWISH
	}
	conv.weight.identity = identity(params)
	var failure message
	return c.onednnKernel(C.sn_conv_forward(c.device.handle, &conv, failure.c()), &failure, params...)
}

// normGradient takes the inputs of a frozen norm's scale: weight and variance.
func (c *compiler) normGradient(norm engine.Norm, channels int) (params []engine.Tensor, err error) {
	if !norm.On {
		return nil, wantCount(c.in, 2)
	}
	if err := wantCount(c.in, 4); err != nil {
		return nil, err
	}
	return c.in[2:4], wantChannels(channels, c.in[2:4]...)
}

func wantCount(in []engine.Tensor, n int) error {
	if len(in) != n {
		return fmt.Errorf("%d inputs, want %d", len(in), n)
	}
	return nil
}

func (c *compiler) convGradInput(op engine.ConvBlockGradInput) error {
	dy, w := c.in[0], c.in[1]
	norm, err := c.normGradient(op.Norm, dy.Shape[3])
	if err := errors.Join(err, engine.CheckType(engine.Float32, w), checkSlice(w, op.From, op.To, op.Conv2DGradInput.Conv2D.Groups)); err != nil {
		return err
	}
	t, err := feature(dy, c.out)
	if err != nil {
		return err
	}
	params := append([]engine.Tensor{w}, norm...)
	conv := C.sn_conv_grad_input{
		shape: convShape(op.Conv2DGradInput.Conv2D, c.out, dy, w), weight: weightOf(w, op.From, op.To), _type: t, dy: at(dy), dx: at(c.out),
	}
	if norm != nil {
		conv.weight.gamma, conv.weight.variance = floats(norm[0]), floats(norm[1])
		conv.weight.eps = C.double(op.Norm.Eps)
	}
	conv.weight.identity = identity(params)
	var failure message
	return c.onednnKernel(C.sn_conv_backward_input(c.device.handle, &conv, failure.c()), &failure, params...)
}

func (c *compiler) convGradWeight(op engine.ConvBlockGradWeight) error {
	if c.in[0].Shape[2] < c.out.Shape[3] {
		// oneDNN 2.6 reads beyond bfloat16 images that are narrower than the kernel.
		if err := engine.WidenAll(c, c.in); err != nil {
			return err
		}
	}
	x, dy := c.in[0], c.in[1]
	norm, err := c.normGradient(op.Norm, dy.Shape[3])
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.out)); err != nil {
		return err
	}
	t, err := feature(x, dy)
	if err != nil {
		return err
	}
	conv := C.sn_conv_grad_weight{
		shape: convShape(op.Conv2DGradWeight.Conv2D, x, dy, c.out), _type: t, x: at(x), dy: at(dy), dw: floats(c.out),
	}
	if norm != nil {
		conv.gamma, conv.variance, conv.eps = floats(norm[0]), floats(norm[1]), C.double(op.Norm.Eps)
	}
	var failure message
	return c.onednnKernel(C.sn_conv_backward_weight(c.device.handle, &conv, failure.c()), &failure)
}
