package allocate

import (
	"fmt"
	"math"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/nn"
)

// Measure says how the importance of a neuron is measured.
type Measure string

const (
	// Gamma is |gamma|, the weight of the neuron's BatchNorm channel, as in the paper.
	Gamma Measure = "gamma"
	// Output is |gamma| times the Euclidean norm of the weights by which conv3 and the
	// BatchNorm after it pass the neuron on to the block's output.
	Output Measure = "output"
	// Loss is |gamma x its gradient|, averaged over training batches: to first order the
	// change of the loss without the neuron. It comes from [Seed.SetSensitivity].
	Loss Measure = "loss"
)

// Measures returns the measures by name, the default first.
func Measures() []Measure { return []Measure{Gamma, Output, Loss} }

// label returns the label of an axis.
func (m Measure) label() string {
	switch m {
	case Output:
		return "importance: |gamma| times the weights to the output of the block, in the seed network"
	case Loss:
		return "importance: |gamma x gradient| in the seed network"
	}
	return "importance: |gamma| of the BatchNorm channel in the seed network"
}

// passedOn multiplies |gamma| by what conv3 and its BatchNorm make of each neuron.
func (s *Seed) passedOn(r *checkpoint.Reader) error {
	for k, block := range s.Blocks {
		neurons := 0
		for _, scale := range block.Scales {
			neurons += scale.Neurons
		}
		out := expansion * block.Planes
		weights, err := readValues(r, block.Name+".conv3.weight", out, neurons, 1, 1)
		if err != nil {
			return err
		}
		factors, err := normFactors(r, block.Name+".bn3", out)
		if err != nil {
			return err
		}
		column := 0 // of conv3: the neurons of all scales in their order
		for l := range block.Scales {
			for c := range s.Importance[k][l] {
				sum := 0.0
				for o, f := range factors {
					w := f * weights[o*neurons+column]
					sum += w * w
				}
				s.Importance[k][l][c] *= math.Sqrt(sum)
				column++
			}
		}
	}
	return nil
}

// normFactors returns what a BatchNorm multiplies its input by in inference, per channel.
func normFactors(r *checkpoint.Reader, name string, channels int) ([]float64, error) {
	weight, err := readValues(r, name+".weight", channels)
	if err != nil {
		return nil, err
	}
	variance, err := readValues(r, name+".running_var", channels)
	if err != nil {
		return nil, err
	}
	for c := range weight {
		if variance[c] < 0 {
			return nil, fmt.Errorf("tensor %q [%d] is %v, want a variance", name+".running_var", c, variance[c])
		}
		weight[c] /= math.Sqrt(variance[c] + nn.NormEps)
	}
	return weight, nil
}

// IsGamma reports whether a parameter is the BatchNorm weight of a branch of an SA block.
func IsGamma(name string) bool { return gamma.MatchString(name) }

// SetSensitivity sets the importance from the sensitivities of the parameters for which
// [IsGamma] is true.
func (s *Seed) SetSensitivity(of map[string][]float64) error {
	for k, block := range s.Blocks {
		for l, scale := range block.Scales {
			if scale.Neurons == 0 {
				continue
			}
			values, err := sensitivity(of, block, l)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Path, err)
			}
			s.Importance[k][l] = values
		}
	}
	return nil
}

func sensitivity(of map[string][]float64, block backbone.SABlock, scale int) ([]float64, error) {
	name := gammaName(block, scale)
	values := of[name]
	if len(values) != block.Scales[scale].Neurons {
		return nil, fmt.Errorf("%d sensitivities of %q, want %d: are the norms of the network frozen?", len(values), name, block.Scales[scale].Neurons)
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the sensitivity of %q [%d] is %v, want a finite value", name, i, v)
		}
	}
	return values, nil
}
