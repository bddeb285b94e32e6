package optest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"scalenet/engine"
	"scalenet/nn"
)

// Options of a run of the table.
type Options struct {
	// Features are types that features may have beside float32: bfloat16, float16.
	Features []engine.DType
	// Skip gives the reason why the device is not tested on a case (with
	// features of that type), or nothing; nil skips none.
	Skip func(c Case, features engine.DType) string
}

// Run tests a device on the whole table and on the rest of engine.Device,
// against an oracle, which is the reference device.
func Run(t *testing.T, oracle, device engine.Device, o Options) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			if why := device.Capabilities().Int8; why != nil && onBytes(c.Op) {
				t.Skip(why)
			}
			for _, m := range modes(c, o.Features) {
				if o.Skip != nil {
					if why := o.Skip(c, m.features); why != "" {
						t.Skip(why)
					}
				}
				t.Run(m.name, func(t *testing.T) { comparison{t, oracle, device, c, m}.all() })
			}
		})
	}
	runDevice(t, oracle, device, o.Features)
}

// mode is how the values of a case are held.
type mode struct {
	name     string
	features engine.DType
	layout
}

// modes are float32, and the shorter types as engine's plans use them: features and
// their gradients (all of four dimensions but parameters and their gradients) have the
// type, all else is float32; outputs of four dimensions that are read from outside
// float32 too.
func modes(c Case, features []engine.DType) []mode {
	m := []mode{{"f32", engine.Float32, lay(c, engine.Float32, engine.Float32)}}
	for _, typ := range features {
		lowered := lay(c, typ, typ)
		if slices.Contains(append(lowered.in, lowered.out), typ) {
			m = append(m, mode{typ.String(), typ, lowered})
		}
		if lowered.out == typ {
			m = append(m, mode{typ.String() + "-f32", typ, lay(c, typ, engine.Float32)})
		}
	}
	return m
}

// lay is the types of a case with activations and an output that is one of the types given.
func lay(c Case, features, out engine.DType) layout {
	l := layout{out: engine.Float32, inPlace: -1}
	read, made := c.roles()
	for i, in := range c.In {
		switch {
		case read[i] == nn.Index:
			l.in = append(l.in, engine.Int32)
		case read[i] == nn.Byte:
			l.in = append(l.in, engine.UInt8)
		case read[i] == nn.Activation && !in.Param:
			l.in = append(l.in, features)
		default:
			l.in = append(l.in, engine.Float32)
		}
	}
	switch made {
	case nn.Activation:
		l.out = out
	case nn.Byte:
		l.out = engine.UInt8
	}
	return l
}

// comparison is a case in a mode on two devices.
type comparison struct {
	*testing.T
	oracle, device engine.Device
	Case
	mode
}

func (c comparison) all() {
	c.fresh()
	for _, i := range engine.InPlace(c.Op) {
		fits := c.In[i].Shape.Equal(c.OutShape()) && c.layout.in[i] == c.out
		if fits && !c.In[i].Param {
			c.T.Run(fmt.Sprintf("in place of %d", i), func(t *testing.T) { c := c; c.T = t; c.over(i) })
		}
	}
	if slices.ContainsFunc(c.In, func(in Input) bool { return in.Param }) {
		c.T.Run("changes", func(t *testing.T) { c := c; c.T = t; c.changed() })
	}
}

// fresh compares a run, a second one, and one after a parameter that does not
// count its changes was written anew.
func (c comparison) fresh() {
	b := c.bind(c.device, c.layout)
	defer b.close()
	c.fill(b, "")
	first := c.run(b)
	c.compare(first, c.want(""))
	if second := c.run(b); !slices.Equal(first, second) {
		c.Error("a second run on the same inputs gives other bits")
	}
	for i, in := range c.In {
		w := make([]int32, words(b.in[i].Desc)+margin)
		c.must(c.device.Read(w, b.in[i].Mem))
		if !slices.Equal(w, withMargin(encode(b.in[i].Desc, c.Values(i, "")))) {
			c.Errorf("the run changes input %d of shape %v", i, in.Shape)
		}
	}
	c.fill(b, "/other")
	c.compare(c.run(b), c.want("/other"))
}

// over compares a run whose output takes the memory of input i.
func (c comparison) over(i int) {
	l := c.layout
	l.inPlace = i
	b := c.bind(c.device, l)
	defer b.close()
	for range 2 {
		c.fill(b, "")
		c.compare(c.run(b), c.want(""))
	}
}

// changed compares runs before and after a counted change of the parameters.
func (c comparison) changed() {
	var changes uint64
	l := c.layout
	l.changes = &changes
	b := c.bind(c.device, l)
	defer b.close()
	c.fill(b, "")
	for range 2 {
		c.compare(c.run(b), c.want(""))
	}
	changes++
	c.fill(b, "/other")
	c.compare(c.run(b), c.want("/other"))
}

// want is the oracle's result in float32, or bytes, from inputs of the mode's types.
func (c comparison) want(variant string) []float64 {
	l := c.layout
	l.inPlace = -1
	if l.out != engine.UInt8 {
		l.out = engine.Float32
	}
	b := c.bind(c.oracle, l)
	defer b.close()
	c.fill(b, variant)
	return decode(b.out.Desc, c.run(b))
}

func (c comparison) bind(dev engine.Device, l layout) *bound {
	c.Helper()
	b, err := bind(dev, c.Case, l)
	c.must(err)
	return b
}

// fill writes the output's marker, then the inputs, one of which it may share.
func (c comparison) fill(b *bound, variant string) {
	c.Helper()
	empty := make([]int32, words(b.out.Desc))
	for i := range empty {
		empty[i] = marker
	}
	c.must(b.dev.Write(b.out.Mem, withMargin(empty)))
	for i := range c.In {
		c.must(b.write(i, c.Values(i, variant)))
	}
}

func (c comparison) run(b *bound) []int32 {
	c.Helper()
	w, err := b.run()
	c.must(err)
	return w
}

func (c comparison) must(err error) {
	if err != nil {
		c.Helper()
		c.Fatal(err)
	}
}

// compare checks an output's memory against the oracle's values.
func (c comparison) compare(memory []int32, want []float64) {
	c.Helper()
	d := engine.Desc{Shape: c.OutShape(), Type: c.out}
	n := words(d)
	for i, w := range memory[n:] {
		if w != marker {
			c.Fatalf("the run writes behind its output, at word %d of %d", n+i, n)
		}
	}
	tolerance := c.Tolerance.Of(c.features)
	rows := 1
	if c.Rows {
		rows = d.Shape[0]
	}
	got := decode(d, memory)
	for r := range rows {
		from, to := r*len(want)/rows, (r+1)*len(want)/rows
		if err := Compare(got[from:to], want[from:to], tolerance); err != nil {
			c.Fatalf("%v: %v", d, err)
		}
	}
}

// Compare says which value differs most from what is wanted, as a part of the
// largest magnitude wanted, if that is above the tolerance.
func Compare(got, want []float64, tolerance float64) error {
	scale, worst, at := 0.0, -1.0, 0
	for _, v := range want {
		scale = math.Max(scale, math.Abs(v))
	}
	for i, v := range want {
		difference := math.Abs(got[i] - v)
		if math.IsNaN(difference) {
			return fmt.Errorf("value %d is %g, want %g", i, got[i], v)
		}
		if difference > worst {
			worst, at = difference, i
		}
	}
	if worst > tolerance*scale {
		return fmt.Errorf("value %d is %.9g, want %.9g: off by %.2g of the scale %.3g, allowed %.2g",
			at, got[at], want[at], worst/scale, scale, tolerance)
	}
	return nil
}
