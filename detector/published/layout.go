package published

import (
	"fmt"
	"math"
	"strings"

	"scalenet/checkpoint"
)

// setEps changes BatchNorm weights so that the normalisation with epsilon `now` gives what it gave with epsilon `was`, both by the norm's name.
func (t tensors) setEps(was, now func(norm string) float64) error {
	const ending = ".running_var"
	for _, name := range t.names() {
		norm, ok := strings.CutSuffix(name, ending)
		if !ok || now(norm) == was(norm) {
			continue
		}
		variance, err := t[name].Float32s()
		if err != nil {
			return err
		}
		weight, err := t[norm+".weight"].Float32s()
		if err != nil {
			return err
		}
		if len(weight) != len(variance) {
			return fmt.Errorf("tensor %s.weight has %d values, %s has %d", norm, len(weight), name, len(variance))
		}
		scaled := make([]float32, len(weight))
		for i, v := range variance {
			scaled[i] = float32(float64(weight[i]) * math.Sqrt((float64(v)+now(norm))/(float64(v)+was(norm))))
		}
		t[norm+".weight"] = checkpoint.Float32Tensor(norm+".weight", t[norm+".weight"].Shape, scaled)
	}
	return nil
}

// toChannelsLast reorders the columns of a fully connected layer on features of side x side cells: from (channel, y, x) to (y, x, channel).
func (t tensors) toChannelsLast(name string, side int) error { return t.reorder(name, side, false) }

// toChannelsFirst is the reverse of toChannelsLast.
func (t tensors) toChannelsFirst(name string, side int) error { return t.reorder(name, side, true) }

func (t tensors) reorder(name string, side int, channelsFirst bool) error {
	x, cells := t[name], side*side
	if len(x.Shape) != 2 || x.Shape[1]%cells != 0 {
		return fmt.Errorf("tensor %s has shape %v: want rows for features of %d x %d cells", name, x.Shape, side, side)
	}
	values, err := x.Float32s()
	if err != nil {
		return err
	}
	out, columns := make([]float32, len(values)), x.Shape[1]
	channels := columns / cells
	for row := 0; row < len(values); row += columns {
		for c := range channels {
			for cell := range cells {
				first, last := row+c*cells+cell, row+cell*channels+c
				if channelsFirst {
					first, last = last, first
				}
				out[last] = values[first]
			}
		}
	}
	t[name] = checkpoint.Float32Tensor(name, x.Shape, out)
	return nil
}

// takeRows reorders the rows of a tensor in groups of `each` rows.
func (t tensors) takeRows(name string, order []int, each int) error {
	x, ok := t[name]
	if !ok || len(x.Shape) == 0 || x.Shape[0] != len(order)*each {
		return fmt.Errorf("tensor %s has shape %v: want %d rows", name, x.Shape, len(order)*each)
	}
	values, err := x.Float32s()
	if err != nil {
		return err
	}
	group := len(values) / len(order)
	out := make([]float32, 0, len(values))
	for _, i := range order {
		out = append(out, values[i*group:(i+1)*group]...)
	}
	t[name] = checkpoint.Float32Tensor(name, x.Shape, out)
	return nil
}

// prependZeros adds rows of zeros in front: the background's box deltas, which are not used.
func (t tensors) prependZeros(name string, rows int) error {
	x, ok := t[name]
	if !ok || len(x.Shape) == 0 || x.Shape[0] < 1 {
		return fmt.Errorf("tensor %s is missing or empty", name)
	}
	values, err := x.Float32s()
	if err != nil {
		return err
	}
	shape := append([]int{x.Shape[0] + rows}, x.Shape[1:]...)
	zeros := make([]float32, rows*len(values)/x.Shape[0])
	t[name] = checkpoint.Float32Tensor(name, shape, append(zeros, values...))
	return nil
}

// swapColors exchanges the first and third input channel of a convolution: BGR for RGB.
func (t tensors) swapColors(name string) error {
	x, ok := t[name]
	if !ok || len(x.Shape) != 4 || x.Shape[1] != 3 {
		return fmt.Errorf("tensor %s has shape %v: want 3 input channels", name, x.Shape)
	}
	values, err := x.Float32s()
	if err != nil {
		return err
	}
	cells := x.Shape[2] * x.Shape[3]
	for row := 0; row < len(values); row += 3 * cells {
		for i := range cells {
			values[row+i], values[row+2*cells+i] = values[row+2*cells+i], values[row+i]
		}
	}
	t[name] = checkpoint.Float32Tensor(name, x.Shape, values)
	return nil
}
