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

// sumSlots returns the arrays per parameter that a step needs for sums of gradients.
func (c Config) sumSlots() int {
	switch {
	case c.Accumulate > 1:
		return sumSlots(c.Accumulate)
	case c.Wire.on() == collective.BFloat16:
		return 1
	}
	return 0
}
