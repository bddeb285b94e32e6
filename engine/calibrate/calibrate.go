// Package calibrate chooses the scales of a network's bytes from the values that the network computes on images.
//
// Each value has a histogram of magnitudes. The range of its bytes has all magnitudes but one of 100,000, so that single values far out do not matter.
// The range of the least squared error clips more and lost 0.005 of AP with models/bccd, where this loses 0.003. Values that were never negative get all
// 255 steps above zero; others 127 on either side.
package calibrate

import (
	"math"

	"scalenet/engine"
)

// bins is the number of bins of a histogram; a power of two.
const bins = 2048

// Calibration collects the values of runs.
type Calibration struct{ values map[string]*histogram }

// New returns an empty calibration.
func New() *Calibration { return &Calibration{values: map[string]*histogram{}} }

// Observe adds values, as an engine.Spec's Observe.
func (c *Calibration) Observe(name string, values []float32) {
	h := c.values[name]
	if h == nil {
		h = &histogram{}
		c.values[name] = h
	}
	h.add(values)
}

// Quants returns the Quant of each value. Values that were always zero, or not finite, have none.
func (c *Calibration) Quants() map[string]engine.Quant {
	quants := map[string]engine.Quant{}
	for name, h := range c.values {
		if q := h.quant(); q.On() && q.Check() == nil {
			quants[name] = q
		}
	}
	return quants
}

// histogram counts magnitudes above zero in bins of equal width, which doubles when a value is beyond the last.
type histogram struct {
	counts   [bins]int
	width    float64 // of a bin; 0 before the first value
	negative bool
	invalid  bool // NaN or infinite
}

// mostValues is how many values of a run a histogram counts at most: all, or every n-th.
const mostValues = 1 << 16

func (h *histogram) add(values []float32) {
	step := (len(values) + mostValues - 1) / mostValues
	step |= 1 // odd, so that it does not keep to some of the channels
	largest := 0.0
	for i := 0; i < len(values); i += step {
		largest = max(largest, math.Abs(float64(values[i]))) // NaN if any is
		h.negative = h.negative || values[i] < 0
	}
	if math.IsNaN(largest) || math.IsInf(largest, 0) {
		h.invalid = true
		return
	}
	if largest == 0 {
		return
	}
	if h.width == 0 {
		h.width = largest / (bins - 1)
	}
	for largest >= h.width*bins {
		h.widen()
	}
	perWidth := 1 / h.width
	for i := 0; i < len(values); i += step {
		if v := values[i]; v != 0 {
			h.counts[min(int(math.Abs(float64(v))*perWidth), bins-1)]++
		}
	}
}

func (h *histogram) widen() {
	for i := range bins / 2 {
		h.counts[i] = h.counts[2*i] + h.counts[2*i+1]
	}
	clear(h.counts[bins/2:])
	h.width *= 2
}

// beyond is the part of the values above zero that may be beyond the range of bytes.
const beyond = 1e-5

// quant returns the Quant whose range has all values but the part beyond.
func (h *histogram) quant() engine.Quant {
	if h.invalid || h.width == 0 {
		return engine.Quant{}
	}
	total := 0
	for _, n := range h.counts {
		total += n
	}
	end, left := bins, int(beyond*float64(total))
	for ; left >= h.counts[end-1]; end-- {
		left -= h.counts[end-1]
	}
	q, steps := engine.Quant{}, 255.0
	if h.negative {
		q.Zero, steps = engine.SignedZero, 127
	}
	q.Scale = float32(float64(end) * h.width / steps)
	return q
}
