package cpu

// #include "kernels.h"
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"scalenet/engine"
	"scalenet/nn"
)

// Kernel implements engine.Device.
func (d *Device) Kernel(op nn.Op, in []engine.Tensor, out engine.Tensor) (engine.Kernel, error) {
	var k *kernel
	err := d.Do(func() (err error) {
		c := &compiler{device: d, op: op, in: in, out: out, kernel: &kernel{device: d, name: nn.Name(op)}}
		if err = c.check(); err == nil {
			err = c.compileAs()
		}
		if err != nil {
			c.kernel.Close()
			return fmt.Errorf("cpu: %s of %v to %v: %w", nn.Name(op), engine.Descs(in), out.Desc, err)
		}
		k = c.kernel
		return nil
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// kernel runs a loop or a oneDNN kernel.
type kernel struct {
	device  *Device
	name    string
	run     func() error
	onednn  *C.sn_kernel
	buffers []*memory // of the kernel's own
}

// Run implements engine.Kernel.
func (k *kernel) Run() error { return k.run() }

// Close implements engine.Kernel.
func (k *kernel) Close() {
	if k.onednn != nil {
		// On the device's thread: packed weights are not locked.
		k.device.Do(func() error { C.sn_close(k.onednn); return nil })
		k.onednn = nil
	}
	for _, b := range k.buffers {
		k.device.Free(b)
	}
	k.buffers = nil
	k.run = func() error { return errors.New("cpu: kernel used after it was closed") }
}

// String is oneDNN's name for the implementation, "loop" for one of our own.
func (k *kernel) String() string {
	if k.onednn == nil {
		return "loop"
	}
	return C.GoString(C.sn_info(k.onednn))
}

// Slow says whether oneDNN had only a reference implementation.
func (k *kernel) Slow() bool { return k.onednn != nil && strings.Contains(k.String(), "ref") }

// compiler makes the kernel of one operation.
type compiler struct {
	device *Device
	op     nn.Op
	in     []engine.Tensor
	out    engine.Tensor
	*kernel
}

// check compares shapes with what the operation says, and memory with shapes.
func (c *compiler) check() error {
	for i, t := range c.in {
		if err := c.owns(t); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	if err := errors.Join(c.owns(c.out), writable(c.out.Mem)); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return engine.CheckShapes(c.op, c.in, c.out)
}

func (c *compiler) owns(t engine.Tensor) error {
	if err := usable(t.Mem, t.Bytes()); err != nil {
		return fmt.Errorf("%v: %w", t.Desc, err)
	}
	return nil
}

// compileAs makes a kernel whose bfloat16 inputs go to a float32 output from one
// that has a single type: the inputs are converted first.
func (c *compiler) compileAs() error {
	switch c.op.(type) {
	case nn.Conv2D, engine.ConvBlock, nn.Linear, nn.GlobalAvgPool2D, engine.Cast, nn.RoIAlignGrad:
		return c.compile() // these convert themselves
	case nn.BiasGrad, nn.Moments2D, nn.BatchNorm2DGradParams:
		return c.compile() // these have sums of features
	case nn.Conv2DGradWeight, engine.ConvBlockGradWeight:
		// oneDNN 2.6 reads beyond bfloat16 images that are narrower than the kernel.
		if c.in[0].Shape[2] >= c.out.Shape[3] {
			return c.compile()
		}
	}
	if c.out.Type != engine.Float32 {
		return c.compile()
	}
	c.in = slices.Clone(c.in)
	var casts []func()
	for i, t := range c.in {
		if t.Type != engine.BFloat16 {
			continue
		}
		wide := engine.Tensor{Desc: engine.Desc{Shape: t.Shape, Type: engine.Float32}, Changes: t.Changes}
		if _, err := c.buffer(wide.Bytes()); err != nil {
			return err
		}
		wide.Mem = c.buffers[len(c.buffers)-1]
		c.in[i] = wide
		casts = append(casts, func() { C.sn_cast(C.SN_BF16, C.SN_F32, at(t), at(wide), size(t)) })
	}
	err := c.compile()
	if run := c.run; len(casts) > 0 && err == nil {
		c.run = func() error {
			for _, f := range casts {
				f()
			}
			return run()
		}
	}
	return err
}

func (c *compiler) compile() error {
	block, _ := engine.Block(c.op, len(c.in))
	switch op := block.(type) {
	case engine.ConvBlock:
		return c.convBlock(op)
	case engine.ConvBlockGradInput:
		return c.convGradInput(op)
	case engine.ConvBlockGradWeight:
		return c.convGradWeight(op)
	case nn.BiasGrad:
		return c.biasGrad()
	case nn.Linear:
		return c.linear()
	case nn.LinearGradInput:
		return c.linearGradInput()
	case nn.LinearGradWeight:
		return c.linearGradWeight()
	case nn.ReLU, nn.ReLUGrad, nn.Sigmoid, nn.SigmoidGrad, nn.Add, engine.AddReLU, engine.AddReLUGrad, engine.Cast:
		return c.elementwise()
	case nn.Concat, nn.Slice, nn.Embed, nn.Reshape, nn.Row:
		return c.rearrange()
	case engine.NormBlock:
		return c.normBlock(op)
	case nn.Moments2D, nn.BatchNorm2DGradParams, nn.BatchNorm2DGradInput,
		nn.FrozenBatchNorm2D, engine.FrozenNormReLU, nn.FrozenBatchNorm2DGrad:
		return c.norm()
	case engine.ScaleBlock:
		return c.scaleChannels(op)
	case nn.ScaleChannelsGrad:
		return c.scaleChannelsGrad()
	case nn.MaxPool2D, nn.MaxPool2DGrad, nn.AvgPool2D, nn.AvgPool2DGrad, nn.GlobalAvgPool2D, nn.GlobalAvgPool2DGrad:
		return c.pool()
	case engine.ResizeBlock:
		return c.resize(op)
	case nn.Resize2DGrad:
		return c.resizeGrad(op)
	case nn.RoIAlign:
		return c.roiAlign(op)
	case nn.RoIAlignGrad:
		return c.roiAlignGrad(op)
	case nn.Pictures:
		return c.pictures(op)
	case nn.Proposals, nn.Detections:
		return c.choose()
	case nn.SoftmaxCrossEntropy, nn.SoftmaxCrossEntropyGrad, nn.SigmoidCrossEntropy, nn.SigmoidCrossEntropyGrad,
		nn.SmoothL1, nn.SmoothL1Grad:
		return c.loss()
	}
	return errors.New("this operation has no kernel")
}

// loop makes f the kernel.
func (c *compiler) loop(f func()) error {
	c.run = func() error { f(); return nil }
	return nil
}

// buffer is memory that lives as long as the kernel.
func (c *compiler) buffer(bytes int) (unsafe.Pointer, error) {
	m, err := c.device.Alloc(bytes)
	if err != nil {
		return nil, err
	}
	b := m.(*memory)
	c.buffers = append(c.buffers, b)
	return b.at, nil
}

// feature is the SN_ type that all of the given tensors have.
func feature(ts ...engine.Tensor) (C.int, error) {
	for _, t := range ts {
		if t.Type != engine.Float32 && t.Type != engine.BFloat16 {
			return 0, fmt.Errorf("features are f32 or bf16, not %v", t.Type)
		}
		if t.Type != ts[0].Type {
			return 0, errors.New("these types do not go together")
		}
	}
	if ts[0].Type == engine.BFloat16 {
		return C.SN_BF16, nil
	}
	return C.SN_F32, nil
}

func at(t engine.Tensor) unsafe.Pointer { return t.Mem.(*memory).at }
func floats(t engine.Tensor) *C.float   { return (*C.float)(at(t)) }
func labels(t engine.Tensor) *C.int32_t { return (*C.int32_t)(at(t)) }
func size(t engine.Tensor) C.int64_t    { return C.int64_t(t.Shape.TotalSize()) }

// rows and columns of a tensor whose channels are its last dimension.
func matrix(t engine.Tensor) (rows, c C.int64_t) {
	c = C.int64_t(t.Shape[len(t.Shape)-1])
	return size(t) / max(c, 1), c
}
