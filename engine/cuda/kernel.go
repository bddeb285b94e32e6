//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"scalenet/engine"
	"scalenet/nn"

	"gorgonia.org/cu"
)

// Kernel implements engine.Device.
func (d *Device) Kernel(op nn.Op, in []engine.Tensor, out engine.Tensor) (engine.Kernel, error) {
	var k *kernel
	err := d.Do(func() (err error) {
		block, _ := engine.Block(op, len(in))
		c := &compiler{device: d, op: block, in: slices.Clone(in), out: out, kernel: &kernel{device: d, name: nn.Name(op), how: "kernel"}}
		if err = d.kernels.Compile(c, block, in, out); err == nil {
			err = d.reserve(c.need)
		}
		if err != nil {
			c.kernel.Close()
			return fmt.Errorf("cuda: %s of %v to %v: %w", nn.Name(op), engine.Descs(in), out.Desc, err)
		}
		k = c.kernel
		return nil
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// kernel is an operation's steps: launches and calls of the libraries.
type kernel struct {
	device *Device
	name   string
	how    string         // what computes it, for profiles
	fresh  []func() error // bring what is derived from parameters up to date
	steps  []func() error
	frees  []func()
	closed bool
}

// Run implements engine.Kernel.
func (k *kernel) Run() error {
	if err := k.refresh(); err != nil {
		return err
	}
	return k.enqueue()
}

// refresh does what depends on whether parameters have changed.
func (k *kernel) refresh() error {
	if k.closed {
		return errors.New("cuda: kernel used after it was closed")
	}
	return all(k.fresh)
}

// enqueue puts the kernel's steps into the stream; they are the same in every run.
func (k *kernel) enqueue() error { return all(k.steps) }

func all(steps []func() error) error {
	for _, f := range steps {
		if err := f(); err != nil {
			return fmt.Errorf("cuda: %w", err)
		}
	}
	return nil
}

// Close implements engine.Kernel.
func (k *kernel) Close() {
	k.device.Do(func() error {
		for _, f := range slices.Backward(k.frees) {
			f()
		}
		return nil
	})
	*k = kernel{device: k.device, name: k.name, how: k.how, closed: true}
}

// String says what computes the kernel.
func (k *kernel) String() string { return k.how }

// compiler makes the kernel of one operation.
type compiler struct {
	device *Device
	op     nn.Op // a block where there is one
	in     []engine.Tensor
	out    engine.Tensor
	need   int // bytes of the shared memory
	*kernel
}

// Owns implements engine.Compiler.
func (c *compiler) Owns(t engine.Tensor) error {
	if n := t.Shape.TotalSize(); n < 1 || n > math.MaxInt32 {
		return fmt.Errorf("%v has %d values, kernels take up to 2^31-1", t.Desc, n)
	}
	_, err := c.device.owned(t.Mem, t.Bytes())
	return err
}

// step adds a launch.
func (c *compiler) step(name string, n int, arguments ...any) error {
	l, err := c.device.launch(name, n, arguments...)
	if err == nil {
		c.steps = append(c.steps, l.run)
	}
	return err
}

// scratch is a place in the shared memory, for as long as the kernel runs.
func (c *compiler) scratch(bytes int) shared {
	place := shared(c.need)
	c.need += (bytes + 255) / 256 * 256
	return place
}

// buffer is memory that lives as long as the kernel.
func (c *compiler) buffer(bytes int) (cu.DevicePtr, error) {
	p, err := c.device.allocate(bytes)
	if err == nil {
		c.frees = append(c.frees, func() { c.device.release(p) })
	}
	return p, err
}

// table is a buffer with words that the host knows.
func (c *compiler) table(words []int32) (cu.DevicePtr, error) {
	p, err := c.buffer(4 * len(words))
	if err != nil {
		return 0, err
	}
	host, err := engine.HostBytes(words)
	if err != nil {
		return 0, err
	}
	return p, c.device.transfers.write(p, host)
}

// Widen implements engine.Compiler.
func (c *compiler) Widen(i int) (err error) {
	c.in[i], err = c.widened(c.in[i])
	return err
}

// widened is a float32 copy of a tensor. It has memory of its own, which compiled steps may take for a tensor's.
func (c *compiler) widened(t engine.Tensor) (engine.Tensor, error) {
	wide := engine.Tensor{Desc: engine.Desc{Shape: t.Shape, Type: engine.Float32}, Version: t.Version}
	p, err := c.buffer(wide.Bytes())
	if err != nil {
		return wide, err
	}
	wide.Mem = &memory{device: c.device, at: p, bytes: wide.Bytes()}
	return wide, c.step("cast_"+suffix(t.Type)+"_f32", size(t), t, wide, size(t))
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
	k.Add((*compiler).linear, nn.Linear{})
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
	k.Add(with((*compiler).roiAlignGrad), nn.RoIAlignGrad{})
	k.Add(with((*compiler).preprocess), nn.Preprocess{})
	k.Add(with((*compiler).proposals), nn.Proposals{})
	k.Add(with((*compiler).topProposals), nn.TopProposals{})
	k.Add(with((*compiler).detections), nn.Detections{})
	k.Add((*compiler).loss, nn.SoftmaxCrossEntropy{}, nn.SoftmaxCrossEntropyGrad{}, nn.SigmoidCrossEntropy{}, nn.SigmoidCrossEntropyGrad{},
		nn.SmoothL1{}, nn.SmoothL1Grad{})
	return k
}

// feature is the type that all of the given tensors have, as names of kernels end in it.
func feature(ts ...engine.Tensor) (string, error) {
	for _, t := range ts {
		if t.Type != engine.Float32 && !t.Type.Is16Bit() {
			return "", fmt.Errorf("features are f32, bf16 or f16, not %v", t.Type)
		}
		if t.Type != ts[0].Type {
			return "", errors.New("these types do not go together")
		}
	}
	return suffix(ts[0].Type), nil
}

func suffix(t engine.DType) string { return t.String() }

func at(t engine.Tensor) cu.DevicePtr { return t.Mem.(*memory).at }
func size(t engine.Tensor) int        { return t.Shape.TotalSize() }

// matrix is a tensor's rows and columns, its last dimension.
func matrix(t engine.Tensor) (rows, columns int) {
	columns = t.Shape[len(t.Shape)-1]
	return size(t) / columns, columns
}
