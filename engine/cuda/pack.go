//go:build gpu

package cuda

import (
	"fmt"

	"scalenet/engine"
	"scalenet/nn"

	"gorgonia.org/cu"
)

// folded is what a convolution's weight is packed from: the weight's input channels [from, to), a frozen norm's parameters, a bias.
type folded struct {
	weight   engine.Tensor
	from, to int
	bias     *engine.Tensor
	norm     engine.Norm
	gamma    engine.Tensor // the norm's, if it is on
	variance engine.Tensor
	beta     *engine.Tensor // nil where the constant term is left out
	mean     *engine.Tensor
}

// packing tells packed weights apart: what they hold, made of which parameters, how.
type packing struct {
	what                          string // kernel
	weight, bias, gamma, variance *uint64
	beta, mean                    *uint64
	from, to                      int
	eps                           float64
}

// packed is memory derived from parameters, for all kernels that want the same.
type packed struct {
	at      cu.DevicePtr
	make    []*launch
	params  []engine.Tensor
	made    bool
	version uint64
	users   int
}

// refresh makes it anew if a parameter has changed, or may have.
func (p *packed) refresh() error {
	version, counted := uint64(0), true
	for _, t := range p.params {
		if t.Version == nil {
			counted = false
		} else {
			version += *t.Version // which only grow
		}
	}
	if p.made && counted && version == p.version {
		return nil
	}
	for _, l := range p.make {
		if err := l.run(); err != nil {
			return err
		}
	}
	p.made, p.version = true, version
	return nil
}

func changes(t *engine.Tensor) *uint64 {
	if t == nil {
		return nil
	}
	return t.Version
}

// counted says whether all parameters count their changes: only then can two kernels share what is derived from them.
func counted(params []engine.Tensor) bool {
	for _, p := range params {
		if p.Version == nil {
			return false
		}
	}
	return true
}

// derived finds or makes packed memory; the kernel lets go of it when it is closed.
func (c *compiler) derived(key packing, params []engine.Tensor, make func() (*packed, error)) (cu.DevicePtr, error) {
	d := c.device
	share := counted(params)
	p := d.packed[key]
	if p == nil || !share {
		var err error
		if p, err = make(); err != nil {
			return 0, err
		}
		p.params = params
		if share {
			d.packed[key] = p
		}
	}
	p.users++
	c.fresh = append(c.fresh, p.refresh)
	c.frees = append(c.frees, func() {
		if p.users--; p.users == 0 {
			d.release(p.at)
			if share {
				delete(d.packed, key)
			}
		}
	})
	return p.at, nil
}

// Packed is the number of packed weights that kernels share.
func (d *Device) Packed() (n int) {
	d.Do(func() error { n = len(d.packed); return nil })
	return n
}

// coefficients is the launch that makes the norm's scale and, with shift, its shift at the given places.
func (f folded) coefficients(d *Device, scale cu.DevicePtr, shift any) (*launch, error) {
	var beta, mean any
	if shift != nil {
		beta, mean = *f.beta, *f.mean
	}
	n := size(f.gamma)
	return d.launch("norm_coefficients", n, f.gamma, beta, mean, f.variance, f.norm.Eps, scale, shift, n)
}

// shape is that of the weight's part.
func (f folded) shape() engine.Desc {
	s := f.weight.Shape
	return engine.Desc{Shape: nn.Shape{s[0], f.channels(), s[2], s[3]}, Type: engine.Float32}
}

func (f folded) channels() int { return f.to - f.from }
func (f folded) area() int     { return f.weight.Shape[2] * f.weight.Shape[3] }

// packedWeight is the weight in the layout (out, k, k, in), times the norm's scale, in a type; the parameter itself where that is the same.
func (c *compiler) packedWeight(f folded, typ string) (cu.DevicePtr, error) {
	w := f.weight
	if typ == "f32" && f.area() == 1 && !f.norm.On && f.channels() == w.Shape[1] {
		return at(w), nil
	}
	key := packing{what: "pack_weight_" + typ, weight: w.Version, from: f.from, to: f.to}
	params := []engine.Tensor{w}
	if f.norm.On {
		params = append(params, f.gamma, f.variance)
		key.gamma, key.variance, key.eps = f.gamma.Version, f.variance.Version, f.norm.Eps
	}
	return c.derived(key, params, func() (*packed, error) {
		n := w.Shape[0] * f.area() * f.channels()
		bytes := (n*4 + 255) / 256 * 256 // of the weight in the longest type; the scale comes behind it
		p := &packed{}
		var err error
		if p.at, err = c.device.allocate(bytes + 4*w.Shape[0]); err != nil {
			return nil, err
		}
		var scale any
		if f.norm.On {
			at := p.at + cu.DevicePtr(bytes)
			l, err := f.coefficients(c.device, at, nil)
			if err != nil {
				return p.give(c.device, err)
			}
			p.make, scale = append(p.make, l), at
		}
		l, err := c.device.launch(key.what, n, w, scale, p.at, f.area(), f.channels(), w.Shape[1], f.from, n)
		p.make = append(p.make, l)
		return p.give(c.device, err)
	})
}

// give is what a maker of packed memory returns: without the memory if there was an error.
func (p *packed) give(d *Device, err error) (*packed, error) {
	if err != nil {
		d.release(p.at)
		return nil, err
	}
	return p, nil
}

// packedBias is bias and norm as one vector that is added to the products, in a type.
func (c *compiler) packedBias(f folded, typ string) (cu.DevicePtr, error) {
	key := packing{what: "pack_bias_" + typ, bias: changes(f.bias), beta: changes(f.beta), mean: changes(f.mean), weight: f.weight.Version}
	var params []engine.Tensor
	if f.bias != nil {
		params = append(params, *f.bias)
	}
	if f.norm.On {
		params = append(params, f.gamma, f.variance)
		key.gamma, key.variance, key.eps = f.gamma.Version, f.variance.Version, f.norm.Eps
		if f.beta != nil {
			params = append(params, *f.beta, *f.mean)
		}
	}
	if len(params) == 0 {
		params = append(params, f.weight) // zeros: as long as the weight has channels
	}
	return c.derived(key, params, func() (*packed, error) {
		n := f.weight.Shape[0]
		row := (4*n + 255) / 256 * 256
		p := &packed{}
		var err error
		if p.at, err = c.device.allocate(3 * row); err != nil {
			return nil, err
		}
		var bias, scale, shift any
		if f.bias != nil {
			bias = *f.bias
		}
		if f.norm.On {
			scale = p.at + cu.DevicePtr(row)
			if f.beta != nil {
				shift = p.at + cu.DevicePtr(2*row)
			}
			l, err := f.coefficients(c.device, p.at+cu.DevicePtr(row), shift)
			if err != nil {
				return p.give(c.device, err)
			}
			p.make = append(p.make, l)
		}
		l, err := c.device.launch(key.what, n, bias, scale, shift, p.at, n)
		p.make = append(p.make, l)
		return p.give(c.device, err)
	})
}

// fold gathers a weight and its norm; gamma and variance are wanted by gradients, too.
func fold(w engine.Tensor, from, to int, norm engine.Norm) (folded, error) {
	if to == 0 {
		to = w.Shape[1]
	}
	if w.Type != engine.Float32 {
		return folded{}, fmt.Errorf("the weight is %v", w.Desc)
	}
	return folded{weight: w, from: from, to: to, norm: norm}, nil
}
