package optest

import (
	"math"

	"scalenet/engine"
	"scalenet/internal/half"
	"scalenet/nn"
)

// margin is the number of 32-bit words behind every tensor that must stay as
// they are.
const margin = 16

// marker fills margins and outputs before a run: a NaN in every float type, which no case yields.
const marker int32 = 0x7fc17fc1

// words is a tensor's memory: its elements, filled up to 32 bits.
func words(d engine.Desc) int { return (d.Bytes() + 3) / 4 }

// encode gives the memory of values rounded to a type, to nearest even.
func encode(d engine.Desc, values []float64) []int32 {
	w := make([]int32, words(d))
	for i, v := range values {
		switch d.Type {
		case engine.Float32:
			w[i] = int32(math.Float32bits(float32(v)))
		case engine.Int32:
			w[i] = int32(v)
		case engine.UInt8:
			w[i/4] |= int32(uint32(v) << (8 * (i % 4)))
		case engine.Float64:
			bits := math.Float64bits(v)
			w[2*i], w[2*i+1] = int32(uint32(bits)), int32(uint32(bits>>32))
		case engine.BFloat16:
			w[i/2] |= int32(uint32(half.ToBFloat16(float32(v))) << (16 * (i % 2)))
		case engine.Float16:
			w[i/2] |= int32(uint32(half.ToFloat16(float32(v))) << (16 * (i % 2)))
		}
	}
	return w
}

// decode is the values in a tensor's memory.
func decode(d engine.Desc, w []int32) []float64 {
	values := make([]float64, d.Shape.TotalSize())
	for i := range values {
		switch d.Type {
		case engine.Float32:
			values[i] = float64(math.Float32frombits(uint32(w[i])))
		case engine.Int32:
			values[i] = float64(w[i])
		case engine.UInt8:
			values[i] = float64(uint8(uint32(w[i/4]) >> (8 * (i % 4))))
		case engine.Float64:
			values[i] = math.Float64frombits(uint64(uint32(w[2*i])) | uint64(uint32(w[2*i+1]))<<32)
		case engine.BFloat16:
			values[i] = float64(half.FromBFloat16(uint16(uint32(w[i/2]) >> (16 * (i % 2)))))
		case engine.Float16:
			values[i] = float64(half.FromFloat16(uint16(uint32(w[i/2]) >> (16 * (i % 2)))))
		}
	}
	return values
}

// bound is an operation compiled on a device, with its memory.
type bound struct {
	dev    engine.Device
	in     []engine.Tensor
	out    engine.Tensor
	kernel engine.Kernel
	owned  []engine.Memory
}

// layout is the types of a case's tensors and where they lie.
type layout struct {
	in  []engine.DType
	out engine.DType
	// inPlace is the input whose memory the output takes, negative for none.
	inPlace int
	// changes is what parameters count their changes with; nil if they don't.
	changes *uint64
}

// bind allocates the tensors of a case and compiles it. The caller closes it.
func bind(dev engine.Device, c Case, l layout) (b *bound, err error) {
	b = &bound{dev: dev}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	for i, in := range c.In {
		t, err := b.alloc(in.Shape, l.in[i])
		if err != nil {
			return nil, err
		}
		if in.Param {
			t.Version = l.changes
		}
		b.in = append(b.in, t)
	}
	if l.inPlace >= 0 {
		b.out = engine.Tensor{Desc: engine.Desc{Shape: c.OutShape(), Type: l.out}, Mem: b.in[l.inPlace].Mem}
	} else if b.out, err = b.alloc(c.OutShape(), l.out); err != nil {
		return nil, err
	}
	b.kernel, err = dev.Kernel(c.Op, b.in, b.out)
	return b, err
}

func (b *bound) alloc(shape nn.Shape, t engine.DType) (engine.Tensor, error) {
	d := engine.Desc{Shape: shape, Type: t}
	mem, err := b.dev.Alloc(4 * (words(d) + margin))
	if err != nil {
		return engine.Tensor{}, err
	}
	b.owned = append(b.owned, mem)
	return engine.Tensor{Desc: d, Mem: mem}, nil
}

func (b *bound) close() {
	if b.kernel != nil {
		b.kernel.Close()
	}
	for _, m := range b.owned {
		b.dev.Free(m)
	}
}

// write sets input i and the margin behind it.
func (b *bound) write(i int, values []float64) error {
	return b.dev.Write(b.in[i].Mem, withMargin(encode(b.in[i].Desc, values)))
}

func withMargin(w []int32) []int32 {
	for range margin {
		w = append(w, marker)
	}
	return w
}

// run computes the output and gives its memory, margin included.
func (b *bound) run() ([]int32, error) {
	if err := b.dev.Do(b.kernel.Run); err != nil {
		return nil, err
	}
	w := make([]int32, words(b.out.Desc)+margin)
	return w, b.dev.Read(w, b.out.Mem)
}
