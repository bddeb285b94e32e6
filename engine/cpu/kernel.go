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
		block, _ := engine.Block(op, len(in))
		c := &compiler{device: d, op: block, in: slices.Clone(in), out: out, kernel: &kernel{device: d, name: nn.Name(op)}}
		if err = c.compile(); err != nil {
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
	closing []func()  // that Close runs on the device's thread
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
	if len(k.closing) > 0 {
		k.device.Do(func() error {
			for _, f := range k.closing {
				f()
			}
			return nil
		})
	}
	for _, b := range k.buffers {
		k.device.Free(b)
	}
	k.buffers, k.closing = nil, nil
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
	op     nn.Op // a block where there is one
	in     []engine.Tensor
	out    engine.Tensor
	int8   unsafe.Pointer // description of a convolution of bytes
	casts  []func()       // that widen inputs before the kernel runs
	*kernel
}

// with gives a function that compiles one operation its attributes.
func with[O nn.Op](compile func(*compiler, O) error) func(*compiler) error {
	return func(c *compiler) error { return compile(c, c.op.(O)) }
}

// kernels is the table of all operations.
func kernels() engine.Kernels[*compiler] {
	k := engine.Kernels[*compiler]{}
	k.AddMixed(with((*compiler).convBlock), engine.ConvBlock{})
	k.Add(with((*compiler).convGradInput), engine.ConvBlockGradInput{})
	k.AddMixed(with((*compiler).convGradWeight), engine.ConvBlockGradWeight{})
	k.AddMixed((*compiler).biasGrad, nn.BiasGrad{})
	k.AddMixed((*compiler).linear, nn.Linear{})
	k.Add((*compiler).linearGradInput, nn.LinearGradInput{})
	k.Add((*compiler).linearGradWeight, nn.LinearGradWeight{})
	k.Add((*compiler).elementwise, nn.ReLU{}, nn.ReLUGrad{}, nn.GELU{}, nn.GELUGrad{}, nn.HardSwish{}, nn.HardSwishGrad{},
		nn.HardSigmoid{}, nn.HardSigmoidGrad{}, nn.Sigmoid{}, nn.SigmoidGrad{}, nn.Add{}, engine.AddReLU{}, engine.AddReLUGrad{})
	k.AddMixed((*compiler).elementwise, engine.Cast{})
	k.Add((*compiler).rearrange, nn.Concat{}, nn.Slice{}, nn.Embed{}, nn.Reshape{}, nn.Row{})
	k.Add(with((*compiler).normBlock), engine.NormBlock{})
	k.AddMixed((*compiler).norm, nn.Moments2D{}, nn.BatchNorm2DGradParams{})
	k.Add((*compiler).norm, nn.BatchNorm2DGradInput{}, nn.FrozenBatchNorm2D{}, engine.FrozenNormReLU{}, nn.FrozenBatchNorm2DGrad{})
	k.Add(with((*compiler).scaleChannels), engine.ScaleBlock{})
	k.Add((*compiler).scaleChannelsGrad, nn.ScaleChannelsGrad{})
	k.Add((*compiler).pool, nn.MaxPool2D{}, nn.MaxPool2DGrad{}, nn.AvgPool2D{}, nn.AvgPool2DGrad{}, nn.GlobalAvgPool2DGrad{})
	k.AddMixed((*compiler).pool, nn.GlobalAvgPool2D{})
	k.Add(with((*compiler).resize), engine.ResizeBlock{})
	k.Add(with((*compiler).resizeGrad), nn.Resize2DGrad{})
	k.Add(with((*compiler).roiAlign), nn.RoIAlign{})
	k.AddMixed(with((*compiler).roiAlignGrad), nn.RoIAlignGrad{})
	k.Add(with((*compiler).preprocess), nn.Preprocess{})
	k.Add((*compiler).choose, nn.Proposals{}, nn.TopProposals{}, nn.Detections{})
	k.Add((*compiler).loss, nn.SoftmaxCrossEntropy{}, nn.SoftmaxCrossEntropyGrad{}, nn.SigmoidCrossEntropy{}, nn.SigmoidCrossEntropyGrad{},
		nn.SmoothL1{}, nn.SmoothL1Grad{})
	k.Add((*compiler).integers, engine.Quantize{}, engine.Dequantize{}, engine.MaxPoolBytes{})
	k.Add(with((*compiler).int8Conv), engine.Int8Conv{})
	k.Add(with((*compiler).int8ConvSum), engine.Int8ConvSum{})
	k.Add(with((*compiler).int8Linear), engine.Int8Linear{})
	k.Add(with((*compiler).int8Resize), engine.Int8Resize{})
	return k
}

// compile makes the kernel.
func (c *compiler) compile() error {
	if err := writable(c.out.Mem); err != nil {
		return err
	}
	if err := c.device.kernels.Compile(c, c.op, c.in, c.out); err != nil {
		return err
	}
	if run := c.run; len(c.casts) > 0 {
		c.run = func() error {
			for _, cast := range c.casts {
				cast()
			}
			return run()
		}
	}
	return nil
}

// Owns implements engine.Compiler.
func (c *compiler) Owns(t engine.Tensor) error {
	if err := usable(t.Mem, t.Bytes()); err != nil {
		return fmt.Errorf("%v: %w", t.Desc, err)
	}
	return nil
}

// Widen implements engine.Compiler.
func (c *compiler) Widen(i int) error {
	t := c.in[i]
	from, err := feature(t)
	if err != nil {
		return err
	}
	wide := engine.Tensor{Desc: engine.Desc{Shape: t.Shape, Type: engine.Float32}, Version: t.Version}
	if _, err := c.buffer(wide.Bytes()); err != nil {
		return err
	}
	wide.Mem = c.buffers[len(c.buffers)-1]
	c.in[i] = wide
	c.casts = append(c.casts, func() { C.sn_cast(from, C.SN_F32, at(t), at(wide), size(t)) })
	return nil
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
