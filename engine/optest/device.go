package optest

import (
	"math"
	"slices"
	"testing"

	"scalenet/engine"
	"scalenet/nn"
)

// runDevice tests what a device does beside the table's operations.
func runDevice(t *testing.T, oracle, device engine.Device, features []engine.DType) {
	t.Run("memory", func(t *testing.T) { memory(t, device) })
	t.Run("parts", func(t *testing.T) { parts(t, device) })
	t.Run("refuses", func(t *testing.T) { refuses(t, device) })
	t.Run("optimise", func(t *testing.T) { optimise(t, oracle, device) })
	t.Run("updates equal PyTorch's", func(t *testing.T) { goldenUpdates(t, device) })
	t.Run("updates refuse", func(t *testing.T) { refusedUpdates(t, device) })
	for _, typ := range features {
		t.Run("cast "+typ.String(), func(t *testing.T) { cast(t, device, typ) })
	}
}

func memory(t *testing.T, dev engine.Device) {
	mem, err := dev.Alloc(4 * 5)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Free(mem)
	if mem.Bytes() < 4*5 {
		t.Errorf("%d bytes of 20", mem.Bytes())
	}
	got := []float32{9, 9, 9, 9, 9}
	if err := dev.Read(got, mem); err != nil || !slices.Equal(got, make([]float32, 5)) {
		t.Errorf("new memory holds %v, %v; want zeros", got, err)
	}
	if err := dev.Write(mem, []float32{1.5, -2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := dev.Read(got, mem); err != nil || !slices.Equal(got, []float32{1.5, -2, 3, 0, 0}) {
		t.Errorf("read %v, %v", got, err)
	}
	labels := []int32{-1, 7}
	if err := dev.Write(mem, labels); err != nil {
		t.Fatal(err)
	}
	clear(labels)
	if err := dev.Read(labels, mem); err != nil || !slices.Equal(labels, []int32{-1, 7}) {
		t.Errorf("read %v, %v", labels, err)
	}
	long := make([]float32, mem.Bytes()/4+1)
	if dev.Write(mem, long) == nil || dev.Read(long, mem) == nil {
		t.Error("a slice longer than the memory is no error")
	}
	if dev.Write(mem, []string{"x"}) == nil || dev.Read(labels[0], mem) == nil {
		t.Error("values that are no slice of numbers are no error")
	}
}

// parts lie within the whole, zeroed, and go with it.
func parts(t *testing.T, dev engine.Device) {
	whole, err := dev.Alloc(2*engine.Alignment + 8)
	if err != nil {
		t.Fatal(err)
	}
	part := func(from, bytes int) engine.Memory {
		m, err := dev.Part(whole, from, bytes)
		if err != nil || m.Bytes() != bytes {
			t.Fatalf("part of %d bytes: %v, %v", bytes, m, err)
		}
		return m
	}
	first, last, none := part(0, 4), part(2*engine.Alignment, 8), part(engine.Alignment, 0)
	if err := dev.Write(last, []float32{1, 2}); err != nil {
		t.Fatal(err)
	}
	if dev.Write(first, []float32{1, 2}) == nil || dev.Write(none, []float32{1}) == nil {
		t.Error("a part may be written beyond its end")
	}
	all, want := make([]float32, engine.Alignment/2+2), make([]float32, engine.Alignment/2+2)
	copy(want[engine.Alignment/2:], []float32{1, 2})
	if err := dev.Read(all, whole); err != nil || !slices.Equal(all, want) {
		t.Errorf("the whole holds %v, %v", all, err)
	}
	for _, c := range [][2]int{{4, 4}, {-engine.Alignment, 4}, {0, -1}, {engine.Alignment, engine.Alignment + 9}, {4 * engine.Alignment, 0}} {
		if m, err := dev.Part(whole, c[0], c[1]); err == nil {
			t.Errorf("part of %d bytes at %d: %v", c[1], c[0], m)
		}
	}
	dev.Free(last) // does nothing
	if err := dev.Read(all[:2], last); err != nil || all[0] != 1 {
		t.Errorf("a part after it was freed by itself: %v, %v", all[:2], err)
	}
	dev.Free(whole)
	if dev.Read(all[:2], last) == nil || dev.Write(first, []float32{1}) == nil {
		t.Error("a part is used after the whole was freed")
	}
	if _, err := dev.Part(whole, 0, 4); err == nil {
		t.Error("a part of what was freed")
	}
}

// unknown is an operation no device has.
type unknown struct{}

func (unknown) OutShape(in []nn.Shape) (nn.Shape, error) { return in[0].Clone(), nil }

func refuses(t *testing.T, dev engine.Device) {
	var b bound
	b.dev = dev
	defer b.close()
	at := func(typ engine.DType, shape ...int) engine.Tensor {
		x, err := b.alloc(shape, typ)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	short := at(engine.Float32, 1)
	short.Desc = engine.Desc{Shape: nn.Shape{400}, Type: engine.Float32}
	for _, c := range []struct {
		name string
		op   nn.Op
		in   []engine.Tensor
		out  engine.Tensor
	}{
		{"unknown operation", unknown{}, []engine.Tensor{at(engine.Float32, 2)}, at(engine.Float32, 2)},
		{"wrong output", nn.ReLU{}, []engine.Tensor{at(engine.Float32, 2, 3)}, at(engine.Float32, 3, 2)},
		{"wrong inputs", nn.Add{}, []engine.Tensor{at(engine.Float32, 2, 3), at(engine.Float32, 3, 2)}, at(engine.Float32, 2, 3)},
		{"no inputs", nn.ReLU{}, nil, at(engine.Float32, 2)},
		{"float labels", nn.SigmoidCrossEntropy{}, []engine.Tensor{at(engine.Float32, 2), at(engine.Float32, 2)},
			at(engine.Float32, 1)},
		{"int32 features", nn.ReLU{}, []engine.Tensor{at(engine.Int32, 2)}, at(engine.Int32, 2)},
		{"short memory", nn.ReLU{}, []engine.Tensor{short}, at(engine.Float32, 400)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if k, err := dev.Kernel(c.op, c.in, c.out); err == nil {
				k.Close()
				t.Error("no error")
			}
		})
	}
}

func wide(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// cast checks engine.Cast to a shorter type and back bit for bit: ties to even,
// overflow, infinities, denormals, and odd lengths.
func cast(t *testing.T, dev engine.Device, typ engine.DType) {
	special := []float64{
		0, math.Copysign(0, -1), 1, 1 + 1./256, 1 + 3./256, 1 + 1./256 + 1./(1<<20), -1 - 1./256, math.MaxFloat32,
		math.Inf(1), math.Inf(-1), 0x1p-126, 1e-3,
	}
	for _, shape := range []nn.Shape{{12}, {1, 2, 2, 3}, {1, 3, 3, 1}, {2, 5, 4, 17}, {1, 1, 1, 1}} {
		n := shape.TotalSize()
		v := Fill{Kind: Uniform, Low: -3, High: 3}.Make(n, 1)
		copy(v, special)
		c := Case{Name: "Cast", Op: engine.Cast{}, In: []Input{feature(shape...)}}
		to := castOnce(t, dev, c, engine.Float32, typ, v)
		short := engine.Desc{Shape: shape, Type: typ}
		if want := encode(short, v); !slices.Equal(to, want) {
			t.Fatalf("to %v of %v: %x, want %x", typ, shape, to, want)
		}
		rounded := decode(short, to)
		if back := castOnce(t, dev, c, typ, engine.Float32, rounded); !slices.Equal(back, encode(engine.Desc{Shape: shape}, rounded)) {
			t.Fatalf("from %v of %v", typ, shape)
		}
	}
}

func castOnce(t *testing.T, dev engine.Device, c Case, from, to engine.DType, v []float64) []int32 {
	t.Helper()
	b, err := bind(dev, c, layout{in: []engine.DType{from}, out: to, inPlace: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if err := b.write(0, v); err != nil {
		t.Fatal(err)
	}
	w, err := b.run()
	if err != nil {
		t.Fatal(err)
	}
	n := words(b.out.Desc)
	if w[n] != 0 {
		t.Errorf("the run writes behind its output")
	}
	if n := b.out.Shape.TotalSize(); to.Is16Bit() && n%2 == 1 {
		w[n/2] &= 0xffff
	}
	return w[:n]
}
