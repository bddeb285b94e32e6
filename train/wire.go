package train

import "scalenet/collective"

// Wire is the type of gradients on their way between processes: "bfloat16", or empty for float32.
type Wire string

// UnmarshalText takes "float32" for what it is without a name, so that a configuration is the same with and without it.
func (w *Wire) UnmarshalText(text []byte) error {
	if *w = Wire(text); string(text) == collective.Float32.String() {
		*w = ""
	}
	return nil
}

// on returns the wire of sums.
func (w Wire) on() collective.Wire {
	if w == Wire(collective.BFloat16.String()) {
		return collective.BFloat16
	}
	return collective.Float32
}

// sumSlots returns the arrays per parameter that the optimiser needs for sums of gradients: one for a sum that is made elsewhere, by several processes or with
// rounding.
func (c Config) sumSlots(alone bool) int {
	switch {
	case !alone || c.rounds():
		return 1
	case c.Accumulate > 1:
		return sumSlots(c.Accumulate)
	}
	return 0
}

// rounds reports whether sums are rounded, also in one process.
func (c Config) rounds() bool { return c.Wire.on() != collective.Float32 }
