package train

import (
	"fmt"
	"math"
	"path"
)

// Config is everything about a training that is not about the model or the
// data. The numbers of [DefaultConfig] are those of the detector that the
// paper trained.
type Config struct {
	// Epochs is the number of passes over the data.
	Epochs int `yaml:"epochs" json:"epochs"`
	// LR is the learning rate that [Schedule] multiplies.
	LR       float64  `yaml:"lr" json:"lr"`
	Schedule Schedule `yaml:"schedule" json:"schedule"`
	// Optimizer is [SGD] or [AdamW], each as PyTorch defines it.
	Optimizer string `yaml:"optimizer" json:"optimizer"`
	// Momentum is that of SGD.
	Momentum float64 `yaml:"momentum" json:"momentum"`
	// Betas are the decays of AdamW's averages of gradients and of their squares;
	// Eps is added to its denominator.
	Betas [2]float64 `yaml:"betas,flow" json:"betas"`
	Eps   float64    `yaml:"eps" json:"eps"`
	// WeightDecay is added to the gradient by SGD and taken off the parameter by
	// AdamW; Groups change it and the learning rate for parameters by name, the
	// first that matches counts.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay"`
	Groups      []Group `yaml:"groups" json:"groups"`
	// Accumulate is the number of batches whose gradients are averaged to make
	// a step.
	Accumulate int `yaml:"accumulate" json:"accumulate"`
	// ClipNorm bounds the Euclidean norm of all gradients together; 0 is off.
	ClipNorm float64 `yaml:"clip_norm" json:"clip_norm"`
	// EMADecay is the share that a step leaves of the averaged weights, which
	// are evaluated and saved instead of the trained ones; 0 is off.
	EMADecay float64 `yaml:"ema_decay" json:"ema_decay"`
	// Precision is the type of features and their gradients.
	Precision Precision `yaml:"precision" json:"precision"`
	// Seed starts [Rand].
	Seed uint64 `yaml:"seed" json:"seed"`
	// LogSteps is the number of steps that a row of the log is the mean of.
	LogSteps int `yaml:"log_steps" json:"log_steps"`
	// EvalEpochs is the number of epochs between evaluations, the last epoch is
	// always evaluated; 0 evaluates never.
	EvalEpochs int `yaml:"eval_epochs" json:"eval_epochs"`
	// SaveSteps is the number of steps between saves within an epoch; 0 saves
	// at the end of epochs only.
	SaveSteps int `yaml:"save_steps" json:"save_steps"`
	// Best names the figure of the evaluation that best.safetensors has the
	// largest of.
	Best string `yaml:"best" json:"best"`
}

// Group is a rule for the parameters whose name matches.
type Group struct {
	// Match is a pattern of path.Match for the whole name: "*" is any text.
	Match string `yaml:"match" json:"match"`
	// LRScale multiplies the learning rate; nil is 1.
	LRScale *float64 `yaml:"lr_scale,omitempty" json:"lr_scale,omitempty"`
	// WeightDecay replaces [Config.WeightDecay]; nil leaves it.
	WeightDecay *float64 `yaml:"weight_decay,omitempty" json:"weight_decay,omitempty"`
	// Frozen parameters are not trained at all.
	Frozen bool `yaml:"frozen,omitempty" json:"frozen,omitempty"`
}

// DefaultConfig is SGD 0.9 with weight decay 1e-4 but none on biases, ten
// epochs at 0.01 (for a batch of 16: scaling it with the batch is the caller's
// affair), a tenth of it after epochs 4 and 8.
func DefaultConfig() Config {
	none := 0.0
	return Config{
		Epochs:      10,
		LR:          0.01,
		Schedule:    Schedule{Kind: "step", Milestones: []int{4, 8}, Gamma: 0.1, WarmupFactor: 0.001},
		Optimizer:   SGD,
		Momentum:    0.9,
		Betas:       [2]float64{0.9, 0.999},
		Eps:         1e-8,
		WeightDecay: 1e-4,
		Groups:      []Group{{Match: "*bias", WeightDecay: &none}},
		Accumulate:  1,
		Precision:   Float32,
		LogSteps:    20,
		EvalEpochs:  1,
		Best:        "AP",
	}
}

// minEps is far enough from the smallest float32 that no step divides by zero.
const minEps = 1e-30

// Validate names the key and the value that is out of range.
func (c Config) Validate() error {
	if _, err := c.updateRule(); err != nil {
		return err
	}
	switch {
	case c.Epochs < 1:
		return fmt.Errorf("epochs is %d, below 1", c.Epochs)
	case !(c.LR > 0) || math.IsInf(c.LR, 0):
		return fmt.Errorf("lr is %v, not a positive number", c.LR)
	case !(c.Momentum >= 0 && c.Momentum < 1):
		return fmt.Errorf("momentum is %v, not in [0, 1)", c.Momentum)
	case !(c.WeightDecay >= 0 && c.WeightDecay < 1):
		return fmt.Errorf("weight_decay is %v, not in [0, 1)", c.WeightDecay)
	case !(c.Betas[0] >= 0 && c.Betas[0] < 1):
		return fmt.Errorf("betas[0] is %v, not in [0, 1)", c.Betas[0])
	case !(c.Betas[1] >= 0 && c.Betas[1] < 1):
		return fmt.Errorf("betas[1] is %v, not in [0, 1)", c.Betas[1])
	case !(c.Eps >= minEps && c.Eps <= 1):
		return fmt.Errorf("eps is %v, not in [%v, 1]", c.Eps, minEps)
	case c.Accumulate < 1:
		return fmt.Errorf("accumulate is %d, below 1", c.Accumulate)
	case !(c.ClipNorm >= 0) || math.IsInf(c.ClipNorm, 0):
		return fmt.Errorf("clip_norm is %v, not a number from 0", c.ClipNorm)
	case !(c.EMADecay >= 0 && c.EMADecay < 1):
		return fmt.Errorf("ema_decay is %v, not in [0, 1)", c.EMADecay)
	case c.Precision != Float32 && c.Precision != BFloat16 && c.Precision != Float16:
		return fmt.Errorf("precision is %q, not float32, bfloat16 or float16", c.Precision)
	case c.LogSteps < 1:
		return fmt.Errorf("log_steps is %d, below 1", c.LogSteps)
	case c.EvalEpochs < 0:
		return fmt.Errorf("eval_epochs is %d, below 0", c.EvalEpochs)
	case c.SaveSteps < 0:
		return fmt.Errorf("save_steps is %d, below 0", c.SaveSteps)
	case c.EvalEpochs > 0 && c.Best == "":
		return fmt.Errorf(`best is "": it must name a figure of the evaluation`)
	}
	for i, g := range c.Groups {
		if err := g.validate(); err != nil {
			return fmt.Errorf("groups[%d].%w", i, err)
		}
	}
	return c.Schedule.Validate()
}

// Matches tells whether the pattern is the parameter's name.
func (g Group) Matches(name string) bool {
	ok, _ := path.Match(g.Match, name)
	return ok
}

func (g Group) validate() error {
	if _, err := path.Match(g.Match, ""); err != nil || g.Match == "" {
		return fmt.Errorf("match is %q, not a pattern", g.Match)
	}
	if s := g.LRScale; s != nil && (!(*s >= 0) || math.IsInf(*s, 0)) {
		return fmt.Errorf("lr_scale is %v, not a number from 0", *s)
	}
	if d := g.WeightDecay; d != nil && !(*d >= 0 && *d < 1) {
		return fmt.Errorf("weight_decay is %v, not in [0, 1)", *d)
	}
	return nil
}

// group is what the groups say about a parameter.
func (c Config) group(name string) (lrScale, decay float64, frozen bool) {
	for _, g := range c.Groups {
		if !g.Matches(name) {
			continue
		}
		lrScale, decay = 1, c.WeightDecay
		if g.LRScale != nil {
			lrScale = *g.LRScale
		}
		if g.WeightDecay != nil {
			decay = *g.WeightDecay
		}
		return lrScale, decay, g.Frozen
	}
	return 1, c.WeightDecay, false
}

// Frozen tells whether the groups exclude a parameter from training, so that
// a model can leave its gradient out.
func (c Config) Frozen(name string) bool {
	_, _, frozen := c.group(name)
	return frozen
}
