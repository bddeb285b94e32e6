package cpu

// #include "int8.h"
// #include "kernels.h"
import "C"

import (
	"fmt"
	"slices"
	"unsafe"

	"scalenet/engine"
	"scalenet/engine/cpu/internal/int8"
	"scalenet/nn"
)

// Int8ISA names the instruction set of the kernels on bytes.
func Int8ISA() string { return int8.ISA() }

// integers compiles the operations on bytes other than convolutions and resizes.
func (c *compiler) integers() error {
	x, y, n := at(c.in[0]), at(c.out), C.int64_t(c.out.Shape.TotalSize())
	switch op := c.op.(type) {
	case engine.Quantize:
		return c.loop(func() {
			C.sn_int8_quantize((*C.float)(x), (*C.uint8_t)(y), n, C.float(op.To.Inverse()), C.int(op.To.Zero))
		})
	case engine.Dequantize:
		return c.loop(func() {
			C.sn_int8_dequantize((*C.uint8_t)(x), (*C.float)(y), n, C.float(op.From.Scale), C.int(op.From.Zero))
		})
	case engine.MaxPoolBytes:
		p := window(c.in[0], c.out, op.MaxPool2D.Kernel, op.MaxPool2D.Stride, op.MaxPool2D.Pad)
		return c.loop(func() {
			C.sn_int8_max_pool((*C.uint8_t)(x), (*C.uint8_t)(y), C.int64_t(p.n), C.int64_t(p.h), C.int64_t(p.w), C.int64_t(p.c),
				C.int64_t(p.oh), C.int64_t(p.ow), C.int64_t(p.kernel), C.int64_t(p.stride), C.int64_t(p.pad))
		})
	}
	return engine.NoKernel(c.op)
}

func truth(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// int8End describes the end of a kernel: residual, ReLU and rounding. residual is nil if there is none.
func (c *compiler) int8End(residual []engine.Tensor, r, y engine.Quant, relu bool) C.sn_int8_end {
	end := C.sn_int8_end{y: at(c.out), y_bytes: truth(y.On()), y_zero: C.int(y.Zero), relu: truth(relu)}
	for _, t := range residual {
		end.residual, end.residual_bytes = at(t), truth(r.On())
		end.residual_zero, end.residual_scale = C.int(r.Zero), C.float(r.Per(y))
	}
	return end
}

func (c *compiler) int8Conv(op engine.Int8Conv) error {
	last := len(c.in) - 1
	return c.convolveBytes(op, convShape(op.Block.Conv2D, c.in[0], c.out, c.in[1]), c.in[1], c.in[last], c.in[1:op.Block.ResidualAt()],
		c.in[op.Block.ResidualAt():last])
}

// int8Linear is the convolution of an image of N rows and one column.
func (c *compiler) int8Linear(op engine.Int8Linear) error {
	n, w, last := c.in[0].Shape[0], c.in[1], len(c.in)-1
	shape := C.sn_conv_shape{n: 1, h: C.int64_t(n), w: 1, ci: C.int64_t(w.Shape[1]), oh: C.int64_t(n), ow: 1, co: C.int64_t(w.Shape[0]), kh: 1, kw: 1,
		stride: 1, dilation: 1, groups: 1}
	w.Shape = nn.Shape{w.Shape[0], w.Shape[1], 1, 1}
	return c.convolveBytes(op.Conv(), shape, w, c.in[last], c.in[1:last], nil)
}

// convolveBytes makes the kernel of a convolution whose weight has a shape of four dimensions. params are the block's, which begin with the weight.
func (c *compiler) convolveBytes(op engine.Int8Conv, s C.sn_conv_shape, weight, scales engine.Tensor, params, residual []engine.Tensor) error {
	others := append([]engine.Tensor{scales}, params[1:]...)
	if err := engine.CheckType(engine.Float32, others...); err != nil {
		return err
	}
	// The kernel's description lies in C memory, since it points to memory of Go's device.
	memory, err := c.buffer(int(unsafe.Sizeof(C.sn_int8_conv{})))
	if err != nil {
		return err
	}
	co := weight.Shape[0]
	factors, err := c.buffer(8 * co)
	if err != nil {
		return err
	}
	factor, constant := unsafe.Slice((*float32)(factors), co), unsafe.Slice((*float32)(unsafe.Add(factors, 4*co)), co)
	c.int8 = memory
	conv := (*C.sn_int8_conv)(memory)
	*conv = C.sn_int8_conv{n: s.n, h: s.h, w: s.w, ci: s.ci, oh: s.oh, ow: s.ow, co: s.co, kh: s.kh, kw: s.kw,
		stride: s.stride, pad: s.pad, dilation: s.dilation, x: (*C.uint8_t)(at(c.in[0])), x_zero: C.int(op.X.Zero),
		factor: (*C.float)(factors), constant: (*C.float)(unsafe.Pointer(unsafe.SliceData(constant))),
		end: c.int8End(residual, op.Residual, op.Y, op.Block.Activation == engine.ReLU)}
	conv.winograd = C.sn_int8_winograd(conv)
	scratch := int(C.sn_int8_scratch(conv, C.int(c.device.threads)))
	packed := c.device.packedBytes(weight, conv.winograd)
	c.closing = append(c.closing, func() { c.device.releaseBytes(packed) })
	weightVersion, version, seen, fresh := versionOf([]engine.Tensor{weight}), versionOf(others), C.uint64_t(0), true
	c.run = func() error {
		if err := packed.refresh(c.device, weightVersion()); err != nil {
			return fmt.Errorf("cpu: %s: %w", c.name, err)
		}
		if v := version(); fresh || v != seen || v == C.SN_ALWAYS {
			values := make([][]float32, len(params))
			for i, t := range params[1:] {
				values[1+i] = floatsOf(t)
			}
			f, k := op.Factors(floatsOf(scales), values)
			copy(factor, f)
			copy(constant, k)
			seen, fresh = v, false
		}
		conv.weight, conv.sum = packed.memory.at, (*C.int32_t)(packed.sums.at)
		var err error
		if conv.scratch, err = c.device.bytesScratch(scratch); err != nil {
			return err
		}
		C.sn_int8_convolve(conv)
		return nil
	}
	return nil
}

// floatsOf is the values of a float32 tensor.
func floatsOf(t engine.Tensor) []float32 {
	return unsafe.Slice((*float32)(at(t)), t.Shape.TotalSize())
}

// int8ConvSum is a convolution whose end adds pixels of other tensors.
func (c *compiler) int8ConvSum(op engine.Int8ConvSum) error {
	count, _ := op.Split()
	sources, err := c.int8Sources(op.Resize, c.in[count:])
	if err != nil {
		return err
	}
	c.in = c.in[:count]
	if err := c.int8Conv(op.Conv); err != nil {
		return err
	}
	conv := (*C.sn_int8_conv)(c.int8)
	conv.end.y_bytes, conv.end.y_zero, conv.end.relu = truth(op.Resize.Y.On()), C.int(op.Resize.Y.Zero), truth(op.Resize.Block.ReLU)
	conv.source, conv.sources, conv.source_bytes = &sources[0], C.int(len(sources)), truth(op.Resize.X[0].On())
	conv.sum_scale = C.float(op.Resize.Residual.Per(op.Resize.Y))
	return nil
}

// int8Sources describes the tensors that a resize reads.
func (c *compiler) int8Sources(op engine.Int8Resize, in []engine.Tensor) ([]C.sn_int8_source, error) {
	count := op.Block.ResidualAt()
	memory, err := c.buffer(count * int(unsafe.Sizeof(C.sn_int8_source{})))
	if err != nil {
		return nil, err
	}
	sources := unsafe.Slice((*C.sn_int8_source)(memory), count)
	for i, x := range in[:count] {
		rows, err := c.axis(engine.Taps(x.Shape[1], op.Block.Resize2D.Height, op.Block.Resize2D.Mode))
		if err != nil {
			return nil, err
		}
		columns, err := c.axis(engine.Taps(x.Shape[2], op.Block.Resize2D.Width, op.Block.Resize2D.Mode))
		if err != nil {
			return nil, err
		}
		sources[i] = C.sn_int8_source{x: at(x), h: C.int64_t(x.Shape[1]), w: C.int64_t(x.Shape[2]),
			zero: C.int(op.X[i].Zero), scale: C.float(op.X[i].Per(op.Y)),
			row_begin: rows.begin, row_index: rows.index, row_weight: rows.weight,
			column_begin: columns.begin, column_index: columns.index, column_weight: columns.weight}
	}
	return sources, nil
}

func (c *compiler) int8Resize(op engine.Int8Resize) error {
	count := op.Block.ResidualAt()
	sources, err := c.int8Sources(op, c.in)
	if err != nil {
		return err
	}
	end := c.int8End(c.in[count:], op.Residual, op.Y, op.Block.ReLU)
	s, bytes := c.out.Shape, truth(op.X[0].On())
	return c.loop(func() {
		C.sn_int8_resize(&sources[0], C.int(count), bytes, &end, C.int64_t(s[0]), C.int64_t(s[1]), C.int64_t(s[2]), C.int64_t(s[3]))
	})
}

// packedBytes is a weight of bytes in the layout of the kernels. Kernels of the same weight share it.
type packedBytes struct {
	key     packedKey
	tensor  engine.Tensor
	users   int
	version C.uint64_t
	fresh   bool // never packed

	memory, sums *memory
}

// packedKey is what a packed weight depends on. Parameters are told apart by their memory and their counters.
type packedKey struct {
	at       unsafe.Pointer
	version  *uint64
	winograd C.int
}

// packedBytes returns a packed weight, to be released by releaseBytes. It is packed by the first refresh.
func (d *Device) packedBytes(weight engine.Tensor, winograd C.int) *packedBytes {
	key := packedKey{at(weight), weight.Version, winograd}
	i := slices.IndexFunc(d.bytes, func(p *packedBytes) bool { return p.key == key })
	if i < 0 {
		i = len(d.bytes)
		d.bytes = append(d.bytes, &packedBytes{key: key, tensor: weight, fresh: true})
	}
	d.bytes[i].users++
	return d.bytes[i]
}

// releaseBytes frees a packed weight after its last kernel. It runs on the device's thread.
func (d *Device) releaseBytes(p *packedBytes) {
	if p.users--; p.users > 0 {
		return
	}
	if p.memory != nil {
		d.Free(p.memory)
		d.Free(p.sums)
	}
	d.bytes = slices.DeleteFunc(d.bytes, func(o *packedBytes) bool { return o == p })
}

// refresh packs the weight again if it has changed.
func (p *packedBytes) refresh(d *Device, version C.uint64_t) error {
	if !p.fresh && version == p.version && version != C.SN_ALWAYS {
		return nil
	}
	w := p.tensor.Shape
	co, ci, taps := C.int64_t(w[0]), C.int64_t(w[1]), C.int64_t(w[2]*w[3])
	if p.memory == nil {
		packed, err := d.Alloc(int(C.sn_int8_packed_bytes(co, ci, taps, p.key.winograd)))
		if err != nil {
			return err
		}
		sums, err := d.Alloc(4 * w[0])
		if err != nil {
			d.Free(packed)
			return err
		}
		p.memory, p.sums = packed.(*memory), sums.(*memory)
	}
	C.sn_int8_pack((*C.uint8_t)(at(p.tensor)), co, ci, taps, p.key.winograd, p.memory.at, (*C.int32_t)(p.sums.at))
	p.version, p.fresh = version, false
	return nil
}

// bytesScratch returns memory for whichever kernel runs.
func (d *Device) bytesScratch(bytes int) (unsafe.Pointer, error) {
	if d.scratch == nil || d.scratch.bytes < bytes {
		if d.scratch != nil {
			d.Free(d.scratch)
			d.scratch = nil
		}
		m, err := d.Alloc(bytes)
		if err != nil {
			return nil, err
		}
		d.scratch = m.(*memory)
	}
	return d.scratch.at, nil
}
