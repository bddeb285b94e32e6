package allocate

import (
	"fmt"

	"scalenet/backbone"
)

// ReceptiveFields returns the theoretical receptive field per block and scale: the height
// and width in input pixels of the square that an output value depends on, for an
// unbounded input. It is 0 for a scale without neurons.
//
// After upsampling to full resolution, the receptive field depends on the position,
// because neighbouring values come from the same pixels. The largest one is returned.
// The recurrence keeps, for each position of one period along an axis, the first and the
// last input pixel of its receptive field.
func ReceptiveFields(n *backbone.ScaleNet) ([][]int, error) {
	blocks := n.SABlocks()
	x, err := newAxis(n.StemWindows(), blocks)
	if err != nil {
		return nil, err
	}
	for _, w := range n.StemWindows() {
		x = x.through(w)
	}
	fields := make([][]int, len(blocks))
	for k, block := range blocks {
		x = x.through(backbone.Window{Kernel: block.Stride, Stride: block.Stride})
		out := x // shortcut
		for _, s := range block.Scales {
			width := 0
			if s.Neurons > 0 {
				y := x
				for _, w := range s.Windows {
					y = y.through(w)
				}
				y = y.resized(s.Repeat, s.Bilinear)
				width, out = y.widest(), out.union(y)
			}
			fields[k] = append(fields[k], width)
		}
		x = out
	}
	return fields, nil
}

// axis has the receptive fields along one axis of a feature map: those of the positions
// of one period, each from its first to its last input pixel. One period further,
// receptive fields are shift input pixels further.
type axis struct {
	first, last []int
	shift       int
}

// maxPixels limits the period.
const maxPixels = 1 << 22

// newAxis returns the axis of the input. Its period is divisible by all pool sizes and
// strides, wherever they occur.
func newAxis(stem []backbone.Window, blocks []backbone.SABlock) (axis, error) {
	period := 1
	for _, s := range blocks[0].Scales {
		period *= s.Pool / gcd(period, s.Pool)
	}
	for _, w := range stem {
		period *= w.Stride
	}
	for _, b := range blocks {
		if period *= b.Stride; period > maxPixels {
			return axis{}, fmt.Errorf("receptive fields: pools and strides repeat after more than %d pixels", maxPixels)
		}
	}
	p := axis{make([]int, period), make([]int, period), period}
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

// at returns the receptive field of any position.
func (p axis) at(i int) (first, last int) {
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

// through returns the axis after a convolution or a pool. The ends of a receptive field
// increase along the axis, so those of the first and the last input are enough.
func (p axis) through(w backbone.Window) axis {
	q := p.empty(len(p.first) / w.Stride)
	for i := range q.first {
		from := i*w.Stride - w.Pad
		q.first[i], _ = p.at(from)
		_, q.last[i] = p.at(from + w.Kernel - 1)
	}
	return q
}

// resized returns the axis after nearest-neighbour or bilinear upsampling.
func (p axis) resized(factor int, bilinear bool) axis {
	q := p.empty(len(p.first) * factor)
	for i := range q.first {
		from := i / factor
		to := from
		if bilinear && factor > 1 {
			// position (i + 1/2) / factor - 1/2 in p
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

// union returns the axis of a sum: its receptive fields include both.
func (p axis) union(o axis) axis {
	q := p.empty(len(p.first))
	for i := range q.first {
		q.first[i], q.last[i] = min(p.first[i], o.first[i]), max(p.last[i], o.last[i])
	}
	return q
}

func (p axis) empty(period int) axis {
	return axis{make([]int, period), make([]int, period), p.shift}
}

// widest returns the largest receptive field in pixels.
func (p axis) widest() int {
	most := 0
	for i := range p.first {
		most = max(most, p.last[i]-p.first[i]+1)
	}
	return most
}
