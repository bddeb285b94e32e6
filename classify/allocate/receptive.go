package allocate

import (
	"fmt"

	"scalenet/backbone"
)

// ReceptiveFields gives the theoretical receptive field of every scale of every
// block that has neurons, 0 for one that has none: the side in input pixels of
// the square that a neuron's value depends on, on an unbounded plane, for the
// neuron that sees most.
//
// Where a scale has been repeated back to the full resolution, neighbouring
// neurons see the same pixels, so how much a neuron sees depends on where it
// is. The recurrence therefore carries, for each pixel of one period along an
// axis, the first and the last input pixel that it sees.
func ReceptiveFields(n *backbone.ScaleNet) ([][]int, error) {
	blocks := n.SABlocks()
	x, err := newPlane(n.StemWindows(), blocks)
	if err != nil {
		return nil, err
	}
	for _, w := range n.StemWindows() {
		x = x.through(w)
	}
	fields := make([][]int, len(blocks))
	for k, block := range blocks {
		x = x.through(backbone.Window{Kernel: block.Stride, Stride: block.Stride})
		out := x // the shortcut
		for _, s := range block.Scales {
			side := 0
			if s.Neurons > 0 {
				y := x
				for _, w := range s.Windows {
					y = y.through(w)
				}
				y = y.resized(s.Repeat, s.Bilinear)
				side, out = y.widest(), out.union(y)
			}
			fields[k] = append(fields[k], side)
		}
		x = out
	}
	return fields, nil
}

// plane says of each pixel of a period along one axis which input pixels it
// sees: from first to last. A period on is shift input pixels on.
type plane struct {
	first, last []int
	shift       int
}

// maxPixels bounds the period.
const maxPixels = 1 << 22

// newPlane is the input, with a period that all pools and strides divide
// wherever they come.
func newPlane(stem []backbone.Window, blocks []backbone.SABlock) (plane, error) {
	period := 1
	for _, s := range blocks[0].Scales {
		period *= s.Pool / gcd(period, s.Pool)
	}
	for _, w := range stem {
		period *= w.Stride
	}
	for _, b := range blocks {
		if period *= b.Stride; period > maxPixels {
			return plane{}, fmt.Errorf("receptive fields: pools and strides repeat after more than %d pixels", maxPixels)
		}
	}
	p := plane{make([]int, period), make([]int, period), period}
	for i := range period {
		p.first[i], p.last[i] = i, i
	}
	return p, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// at is what the pixel at any position sees.
func (p plane) at(i int) (first, last int) {
	periods := floorDiv(i, len(p.first))
	i -= periods * len(p.first)
	return p.first[i] + periods*p.shift, p.last[i] + periods*p.shift
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// through is the plane behind a window; both ends only grow along the axis.
func (p plane) through(w backbone.Window) plane {
	q := p.empty(len(p.first) / w.Stride)
	for i := range q.first {
		from := i*w.Stride - w.Pad
		q.first[i], _ = p.at(from)
		_, q.last[i] = p.at(from + w.Kernel - 1)
	}
	return q
}

// resized repeats every pixel, or lies between the two nearest ones.
func (p plane) resized(factor int, bilinear bool) plane {
	q := p.empty(len(p.first) * factor)
	for i := range q.first {
		from := i / factor
		to := from
		if bilinear && factor > 1 {
			// the position (i + 1/2) / factor - 1/2 among the pixels of p
			middle := 2*i + 1 - factor
			from = floorDiv(middle, 2*factor)
			to = from
			if middle != 2*factor*from {
				to++
			}
		}
		q.first[i], _ = p.at(from)
		_, q.last[i] = p.at(to)
	}
	return q
}

// union sees what either sees.
func (p plane) union(o plane) plane {
	q := p.empty(len(p.first))
	for i := range q.first {
		q.first[i], q.last[i] = min(p.first[i], o.first[i]), max(p.last[i], o.last[i])
	}
	return q
}

func (p plane) empty(period int) plane {
	return plane{make([]int, period), make([]int, period), p.shift}
}

// widest is the most pixels that one sees.
func (p plane) widest() int {
	most := 0
	for i := range p.first {
		most = max(most, p.last[i]-p.first[i]+1)
	}
	return most
}
