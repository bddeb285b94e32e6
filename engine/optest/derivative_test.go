package optest

import (
	"fmt"
	"math"
	"testing"

	"scalenet/engine"
	"scalenet/nn"
)

// The derivatives that package nn gives to gorgonia agree with central
// differences in float64 along random directions: of a random projection of the
// output, for every differentiable operation of the table, to 1e-6 of what is
// to be expected along such a direction.
func TestDerivatives(t *testing.T) {
	const step, tolerance, directions = 2e-5, 1e-6, 3
	for _, c := range Cases() {
		if !differentiable(c.Op) || hasTies(c) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			g, err := newGraph(c)
			if err != nil {
				t.Fatal(err)
			}
			values := g.inputs(c)
			for i, grad := range g.grads {
				if grad == nil {
					continue
				}
				analytic, err := g.evaluate(values, grad)
				if err != nil {
					t.Fatal(err)
				}
				for d := range directions {
					direction := uniform(fmt.Sprintf("%s/%d/direction%d", c.Name, i, d), len(analytic[0]))
					numeric := (g.projection(t, values, i, direction, step) - g.projection(t, values, i, direction, -step)) / (2 * step)
					along := dot(analytic[0], direction)
					// The root mean square of the projection on such directions.
					scale := math.Sqrt(dot(analytic[0], analytic[0]) / 3)
					if math.Abs(along-numeric) > tolerance*scale+1e-10 {
						t.Errorf("input %d: derivative %.12g, difference quotient %.12g (scale %.3g)", i, along, numeric, scale)
					}
				}
			}
		})
	}
}

// projection is <output, dy> with input i moved by step along the direction.
func (g *graph) projection(t *testing.T, values map[*nn.Node][]float64, i int, direction []float64, step float64) float64 {
	t.Helper()
	moved := map[*nn.Node][]float64{}
	for n, v := range values {
		moved[n] = v
	}
	x := make([]float64, len(direction))
	for j, v := range values[g.in[i]] {
		x[j] = v + step*direction[j]
	}
	moved[g.in[i]] = x
	out, err := g.evaluate(moved, g.out)
	if err != nil {
		t.Fatal(err)
	}
	return dot(out[0], values[g.dy])
}

func differentiable(op nn.Op) bool {
	_, ok := op.(nn.Differentiable)
	return ok
}

func hasTies(c Case) bool {
	for _, in := range c.In {
		if in.Fill.Kind == Levels {
			return true
		}
	}
	return false
}

// A convolution with a norm's scale is linear in its input and in its weight;
// the fused gradients are the transposes:
//
//	<block(x, w), dy> = <x, gradInput(dy, w)> = <w, gradWeight(x, dy)>
func TestFusedGradients(t *testing.T) {
	for _, c := range Cases() {
		forward := engine.ConvBlock{}
		var norm engine.Norm
		var x, w, dy Input
		switch op := c.Op.(type) {
		case engine.ConvBlockGradInput:
			forward = engine.ConvBlock{Conv2D: op.Conv2DGradInput.Conv2D, From: op.From, To: op.To}
			norm, dy, w, x = op.Norm, c.In[0], c.In[1], Input{Shape: c.OutShape()}
		case engine.ConvBlockGradWeight:
			forward = engine.ConvBlock{Conv2D: op.Conv2DGradWeight.Conv2D}
			norm, x, dy, w = op.Norm, c.In[0], c.In[1], Input{Shape: c.OutShape()}
		default:
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			gradient := mustCompute(t, c, allValues(c))
			free := uniform(c.Name+"/free", len(gradient)) // what the gradient is by
			xs, ws := free, c.Values(1, "")
			if _, ok := c.Op.(engine.ConvBlockGradWeight); ok {
				xs, ws = c.Values(0, ""), free
			}
			block := Case{Op: forward, In: []Input{x, w}}
			values := [][]float64{xs, ws}
			if norm.On {
				forward.Norm = engine.Norm{On: true, Eps: norm.Eps, ScaleOnly: true}
				block.Op = forward
				none := make([]float64, c.In[2].Shape[0])
				values = append(values, c.Values(2, ""), none, none, c.Values(3, ""))
				block.In = append(block.In, c.In[2], c.In[2], c.In[2], c.In[3])
			}
			given := c.Values(0, "")
			if _, ok := c.Op.(engine.ConvBlockGradWeight); ok {
				given = c.Values(1, "")
			}
			y := mustCompute(t, block, values)
			if len(y) != dy.Shape.TotalSize() {
				t.Fatalf("%d outputs, want %v", len(y), dy.Shape)
			}
			want, got := dot(y, given), dot(free, gradient)
			if math.Abs(want-got) > 1e-11*math.Sqrt(dot(y, y)*dot(given, given)) {
				t.Errorf("<block, dy> = %.15g, <free, gradient> = %.15g", want, got)
			}
		})
	}
}
