//go:build gpu

package cuda

// #include "library.h"
import "C"

import (
	"errors"
	"fmt"

	"scalenet/engine"
	"scalenet/nn"

	"gorgonia.org/cu"
)

// convolution is a convolution at a shape, and how cuDNN does it.
type convolution struct {
	*compiler
	op      nn.Conv2D
	x, w, y engine.Desc // of w only the shape counts
	typ     string
	handle  *C.sn_conv
}

// products are what a convolution is run on: tensors, memory or places in the shared memory. Of a gradient the one that it is the gradient
// of is written.
type products struct {
	x, weight, y any
	// fused: y = activation(x * weight + bias + residual) in one call
	fused          bool
	bias, residual any
	relu           bool
}

func typeNumber(typ string) C.int {
	return map[string]C.int{"f32": C.SN_F32, "bf16": C.SN_BF16, "f16": C.SN_F16}[typ]
}

// descriptors are cuDNN's for a convolution; sn_conv_free frees them. Of w only the shape counts.
func descriptors(op nn.Conv2D, x, w, y engine.Desc, typ string, tf32 bool) (*C.sn_conv, error) {
	shape := C.sn_conv_shape{
		n: C.int(x.Shape[0]), h: C.int(x.Shape[1]), w: C.int(x.Shape[2]), ci: C.int(x.Shape[3]),
		oh: C.int(y.Shape[1]), ow: C.int(y.Shape[2]), co: C.int(y.Shape[3]),
		kernel: C.int(w.Shape[2]), stride: C.int(op.Stride), pad: C.int(op.Pad), dilation: C.int(op.Dilation), groups: C.int(op.Groups),
		_type: typeNumber(typ), tf32: flag(tf32),
	}
	var m message
	handle := C.sn_conv_new(&shape, m.c())
	if handle == nil {
		return nil, errors.New(m.String())
	}
	return handle, nil
}

// convolution prepares cuDNN's descriptors, which live as long as the kernel.
func (c *compiler) convolution(op nn.Conv2D, x, w, y engine.Desc, typ string) (*convolution, error) {
	handle, err := descriptors(op, x, w, y, typ, c.device.options.TF32)
	if err != nil {
		return nil, err
	}
	c.frees = append(c.frees, func() { C.sn_conv_free(handle) })
	return &convolution{c, op, x, w, y, typ, handle}, nil
}

const (
	maxAlgorithms = 16
	maxWorkspace  = 512 << 20 // bytes; algorithms that want more are not taken
)

// works makes the first of cuDNN's algorithms a step that does what it says on the memory that the kernel will use; false if none does. What
// the trial writes is of no use yet, nor is what was there.
func (v *convolution) works(direction C.int, p products, how string) (bool, error) {
	var m message
	var found [maxAlgorithms]C.sn_algorithm
	n := C.sn_conv_algorithms(v.device.libraries, v.handle, direction, &found[0], maxAlgorithms, m.c())
	if n < 0 {
		return false, errors.New(m.String())
	}
	before := v.need
	for _, a := range found[:n] {
		if a.workspace > maxWorkspace {
			continue
		}
		v.need = before
		space := v.scratch(int(a.workspace))
		if err := v.device.reserve(v.need); err != nil {
			return false, err
		}
		run := func(trial bool) (C.int, error) {
			d := v.device
			r := C.sn_conv_run{algorithm: a, x: d.place(p.x), weight: d.place(p.weight), y: d.place(p.y), workspace: d.place(space),
				fused: flag(p.fused), bias: d.place(p.bias), residual: d.place(p.residual), relu: flag(p.relu), trial: flag(trial)}
			var m message
			if status := C.sn_conv_do(d.libraries, v.handle, direction, &r, m.c()); status != 0 {
				return status, errors.New(m.String())
			}
			return 0, nil
		}
		switch status, err := run(true); {
		case status < 0:
			return false, err
		case status == 0:
			v.how = fmt.Sprintf("cuDNN %s, algorithm %d", how, int(a.algorithm))
			v.steps = append(v.steps, func() error {
				_, err := run(false)
				return err
			})
			return true, nil
		}
	}
	v.need = before
	return false, nil
}

// place is where an argument lies, 0 for nil. Of the shared memory that is known only when the kernel runs.
func (d *Device) place(p any) C.uint64_t {
	switch p := p.(type) {
	case shared:
		return C.uint64_t(d.shared) + C.uint64_t(p)
	case cu.DevicePtr:
		return C.uint64_t(p)
	case engine.Tensor:
		return C.uint64_t(at(p))
	}
	return 0
}

// direct adds a convolution of our own.
func (v *convolution) direct(kernel string, n int, arguments ...any) error {
	v.how = "direct"
	x, w, y := v.x.Shape, v.w.Shape, v.y.Shape
	arguments = append(arguments, x[1], x[2], x[3]/v.op.Groups, y[1], y[2], y[3], w[2], v.op.Stride, v.op.Pad, v.op.Dilation, v.op.Groups)
	if kernel == "direct_conv_grad_weight" {
		arguments = append(arguments, x[0])
	}
	return v.step(kernel+"_"+v.typ, n, append(arguments, n)...)
}

// convBlock: a convolution with what cuDNN can do after it, then the activation that it does not know.
func (c *compiler) convBlock(op engine.ConvBlock) error {
	if err := c.convolve(op); err != nil || op.Activation != engine.HardSwish {
		return err
	}
	return c.step("hard_swish_"+suffix(c.out.Type), size(c.out), c.out, c.out, size(c.out))
}

// convolve: products in the type of x, then what follows them, in the same call of cuDNN if it can.
func (c *compiler) convolve(op engine.ConvBlock) error {
	x, y := c.in[0], c.out
	typ, err := feature(x)
	if err != nil {
		return err
	}
	if _, err := feature(y); err != nil {
		return err
	}
	f, err := fold(c.in[1], op.From, op.To, op.Norm)
	if err := errors.Join(err, engine.CheckType(engine.Float32, c.in[1:op.ResidualAt()]...)); err != nil {
		return err
	}
	if op.Bias {
		f.bias = &c.in[2]
	}
	if op.Norm.On {
		n := c.in[op.NormAt():]
		f.gamma, f.variance = n[0], n[3]
		if !op.Norm.ScaleOnly {
			f.beta, f.mean = &n[1], &n[2]
		}
	}
	p := products{x: x, y: y, relu: op.Activation == engine.ReLU}
	if op.Residual {
		if p.residual, err = c.residual(c.in[op.ResidualAt()]); err != nil {
			return err
		}
	}
	if p.weight, err = c.packedWeight(f, typ); err != nil {
		return err
	}
	v, err := c.convolution(op.Conv2D, x.Desc, f.shape(), y.Desc, typ)
	if err != nil {
		return err
	}
	shifts := op.Bias || (op.Norm.On && !op.Norm.ScaleOnly)
	if x.Type == y.Type && (shifts || op.Residual || p.relu) {
		p.fused = true
		if p.bias, err = c.packedBias(f, typ); err != nil {
			return err
		}
		if done, err := v.works(C.SN_FORWARD, p, "with bias and activation"); done || err != nil {
			return err
		}
		p.fused, p.bias = false, nil
	}
	if shifts {
		if p.bias, err = c.packedBias(f, "f32"); err != nil {
			return err
		}
	}
	return v.inTwo(p)
}

// residual is what is added to the output, in the output's type.
func (c *compiler) residual(r engine.Tensor) (engine.Tensor, error) {
	if _, err := feature(r); err != nil {
		return r, err
	}
	if r.Type == c.out.Type {
		return r, nil
	}
	if at(r) == at(c.out) || c.out.Type != engine.Float32 {
		return r, fmt.Errorf("residual %v", r.Desc)
	}
	return c.widened(r)
}

// inTwo computes the products, then in a pass of its own what follows them, which also converts where x and y have different types.
// A pointwise convolution to float32 is a product of matrices whose sums need not be rounded in between.
func (v *convolution) inTwo(p products) error {
	x, y := v.in[0], v.out
	matrices := x.Type.Is16Bit() && y.Type == engine.Float32 && v.pointwise()
	typ, to := v.typ, suffix(y.Type)
	if matrices {
		typ = to
	}
	r, overwritten := p.residual.(engine.Tensor)
	overwritten = overwritten && at(r) == at(y)
	if typ != to || overwritten {
		p.y = v.scratch(4 * size(y))
	}
	if err := v.forward(p, matrices); err != nil {
		return err
	}
	if typ == to && p.bias == nil && p.residual == nil && !p.relu {
		return nil
	}
	kernel := "affine_" + typ
	if typ != to {
		kernel += "_" + to
	}
	return v.step(kernel, size(y), p.y, nil, p.bias, p.residual, y, y.Shape[3], size(y), p.relu)
}

// pointwise says whether each output pixel is of the input pixel at the same place.
func (v *convolution) pointwise() bool {
	return v.w.Shape[2] == 1 && v.op.Stride == 1 && v.op.Pad == 0 && v.op.Groups == 1
}

// forward computes the products alone.
func (v *convolution) forward(p products, matrices bool) error {
	if matrices {
		in, out := C.int(v.x.Shape[3]), C.int(v.y.Shape[3])
		v.gemm(C.sn_gemm{ta: 1, m: out, n: C.int(size(v.out)) / out, k: in, lda: in, ldb: in, ldc: out, _type: typeNumber(v.typ)}, p.weight, p.x, p.y)
		return nil
	}
	if done, err := v.works(C.SN_FORWARD, products{x: p.x, weight: p.weight, y: p.y}, "forward"); done || err != nil {
		return err
	}
	return v.direct("direct_conv", size(v.out), p.x, p.weight, p.y)
}

// normGradient takes the inputs of a frozen norm's scale, weight and variance, if there are any.
func (f *folded) normGradient(in []engine.Tensor) error {
	if f.norm.On {
		f.gamma, f.variance = in[2], in[3]
	}
	return engine.CheckType(engine.Float32, in[2:]...)
}

func (c *compiler) convGradInput(op engine.ConvBlockGradInput) error {
	dy, dx := c.in[0], c.out
	typ, err := feature(dy, dx)
	if err != nil {
		return err
	}
	f, err := fold(c.in[1], op.From, op.To, op.Norm)
	if err := errors.Join(err, f.normGradient(c.in)); err != nil {
		return err
	}
	weight, err := c.packedWeight(f, typ)
	if err != nil {
		return err
	}
	v, err := c.convolution(op.Conv2DGradInput.Conv2D, dx.Desc, f.shape(), dy.Desc, typ)
	if err != nil {
		return err
	}
	if done, err := v.works(C.SN_GRAD_INPUT, products{x: dx, weight: weight, y: dy}, "backward to data"); done || err != nil {
		return err
	}
	return v.direct("direct_conv_grad_input", size(dx), dy, weight, dx)
}

// convGradWeight: cuDNN's gradient is in the packed layout; a pass of its own unpacks it and multiplies by the norm's scale.
func (c *compiler) convGradWeight(op engine.ConvBlockGradWeight) error {
	x, dy, dw := c.in[0], c.in[1], c.out
	typ, err := feature(x, dy)
	if err := errors.Join(err, engine.CheckType(engine.Float32, dw)); err != nil {
		return err
	}
	f, err := fold(dw, 0, 0, op.Norm)
	if err := errors.Join(err, f.normGradient(c.in)); err != nil {
		return err
	}
	var scale any
	if op.Norm.On {
		scale = c.scratch(4 * size(f.gamma))
		if err := c.step("norm_coefficients", size(f.gamma), f.gamma, nil, nil, f.variance, op.Norm.Eps, scale, nil, size(f.gamma)); err != nil {
			return err
		}
	}
	var result any = dw
	if typ != "f32" || f.area() > 1 || op.Norm.On {
		result = c.scratch(4 * size(dw))
	}
	v, err := c.convolution(op.Conv2DGradWeight.Conv2D, x.Desc, dw.Desc, dy.Desc, typ)
	if err != nil {
		return err
	}
	done, err := v.works(C.SN_GRAD_WEIGHT, products{x: x, weight: result, y: dy}, "backward to weights")
	if err != nil {
		return err
	}
	if !done {
		if err := v.direct("direct_conv_grad_weight", size(dw), x, dy, result); err != nil {
			return err
		}
		typ = "f32" // of the sums
	}
	if _, inPlace := result.(engine.Tensor); inPlace {
		return nil
	}
	return c.step("unpack_weight_"+typ, size(dw), result, scale, dw, f.area(), dw.Shape[1], size(dw))
}
