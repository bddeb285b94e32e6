package train

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"scalenet/internal/config"
	"scalenet/internal/spelling"
)

// Config configures a training run, apart from the model and the data. The
// values of [DefaultConfig] are those of the detector that the paper trained.
type Config struct {
	// Epochs is the number of passes over the data.
	Epochs int `yaml:"epochs" json:"epochs" validate:"gte=1,lte=1000000"`
	// Budget ends the run after this time, whatever Epochs is: the schedule is
	// fitted to it while the run goes on. 0, the default, is no limit. The bits of
	// such a run depend on the speed of the machine.
	Budget Duration `yaml:"budget,omitempty" json:"budget,omitempty" validate:"gte=0"`
	// LR is the learning rate that [Schedule] multiplies.
	LR       float64  `yaml:"lr" json:"lr" validate:"gt=0,finite"`
	Schedule Schedule `yaml:"schedule" json:"schedule"`
	// Optimizer is [SGD] or [AdamW], each as PyTorch defines it.
	Optimizer string `yaml:"optimizer" json:"optimizer" validate:"oneof=sgd adamw"`
	// Momentum of SGD.
	Momentum float64 `yaml:"momentum" json:"momentum" validate:"gte=0,lt=1"`
	// Betas are the decays of AdamW's averages of gradients and of squared gradients.
	Betas [2]float64 `yaml:"betas,flow" json:"betas" validate:"dive,gte=0,lt=1"`
	// Eps is added to the denominator of AdamW. A smaller one than 1e-30 could divide by zero in float32.
	Eps float64 `yaml:"eps" json:"eps" validate:"gte=1e-30,lte=1"`
	// WeightDecay is added to the gradient by SGD and subtracted from the
	// parameter by AdamW.
	WeightDecay float64 `yaml:"weight_decay" json:"weight_decay" validate:"gte=0,lt=1"`
	// Groups change weight decay and learning rate of parameters by name. The
	// first group that matches a name counts.
	Groups []Group `yaml:"groups" json:"groups" validate:"dive"`
	// Accumulate is the number of batches whose gradients are averaged for one step.
	Accumulate int `yaml:"accumulate" json:"accumulate" validate:"gte=1,lte=65536"`
	// ClipNorm is the maximum Euclidean norm of all gradients together; 0 turns clipping off.
	ClipNorm float64 `yaml:"clip_norm" json:"clip_norm" validate:"gte=0,finite"`
	// EMADecay is the decay d of the weight average: avg = d*avg + (1-d)*value
	// after each step. If it is above 0, the averaged weights are evaluated and
	// saved; 0 turns averaging off.
	EMADecay float64 `yaml:"ema_decay" json:"ema_decay" validate:"gte=0,lt=1"`
	// Precision is float32, bfloat16 or float16: the type of activations and their gradients.
	Precision Precision `yaml:"precision" json:"precision" validate:"oneof=float32 bfloat16 float16"`
	// Wire is the type of gradients on their way between processes: float32, the default, or bfloat16. With bfloat16 they are rounded in one
	// process, too, so that the result does not depend on the number of processes.
	Wire Wire `yaml:"wire,omitempty" json:"wire,omitempty" validate:"omitempty,oneof=float32 bfloat16"`
	// Seed of the random numbers, see [Rand].
	Seed uint64 `yaml:"seed" json:"seed"`
	// LogSteps is the number of steps that one row of the log averages.
	LogSteps int `yaml:"log_steps" json:"log_steps" validate:"gte=1"`
	// EvalEpochs is the number of epochs between evaluations. The last epoch is
	// always evaluated; 0 never evaluates.
	EvalEpochs int `yaml:"eval_epochs" json:"eval_epochs" validate:"gte=0"`
	// Patience ends the run after this number of evaluations in a row without a new
	// best; 0, the default, never does.
	Patience int `yaml:"patience,omitempty" json:"patience,omitempty" validate:"gte=0"`
	// SaveSteps is the number of steps between saves within an epoch; 0 saves
	// at the end of epochs only.
	SaveSteps int `yaml:"save_steps" json:"save_steps" validate:"gte=0"`
	// Best names the metric of the evaluation whose maximum best.safetensors keeps.
	Best string `yaml:"best" json:"best"`
}

// Group is a rule for the parameters whose name matches.
type Group struct {
	// Match is a pattern of path.Match for the whole name: "*" is any text.
	Match string `yaml:"match" json:"match"`
	// LRScale multiplies the learning rate; the default is 1.
	LRScale *float64 `yaml:"lr_scale,omitempty" json:"lr_scale,omitempty" validate:"omitempty,gte=0,finite"`
	// WeightDecay replaces [Config.WeightDecay].
	WeightDecay *float64 `yaml:"weight_decay,omitempty" json:"weight_decay,omitempty" validate:"omitempty,gte=0,lt=1"`
	// L1 is the weight of a penalty on absolute values, whose gradient L1*sign(w) SGD adds: with "*.bn2.*.weight", the sparsity penalty of
	// network slimming (Liu et al. 2017) on the neurons of SA blocks.
	L1 float64 `yaml:"l1,omitempty" json:"l1,omitempty" validate:"gte=0,lt=1"`
	// Frozen turns off training of the parameters.
	Frozen bool `yaml:"frozen,omitempty" json:"frozen,omitempty"`
}

// DefaultConfig returns SGD with momentum 0.9, weight decay 1e-4 except for biases,
// and ten epochs. The learning rate is 0.01, times 0.1 after epochs 4 and 8. It is
// meant for a batch of 16: the caller scales it for other batch sizes.
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

// Validate returns an error with key and value if a value is out of range.
func (c Config) Validate() error {
	if err := config.Validate(c, "train"); err != nil {
		return err
	}
	if c.EvalEpochs > 0 && c.Best == "" {
		return config.Invalid("train.best", `""`, "a metric of the evaluation")
	}
	if c.Budget > 0 && c.Schedule.Kind != "cosine" {
		return config.Invalid("train.schedule.kind", c.Schedule.Kind, "cosine if train.budget is set")
	}
	if c.Patience > 0 && c.EvalEpochs == 0 {
		return config.Invalid("train.patience", c.Patience, "0 if train.eval_epochs is 0")
	}
	for i, g := range c.Groups {
		if _, err := path.Match(g.Match, ""); err != nil || g.Match == "" {
			return config.Invalid(fmt.Sprintf("train.groups[%d].match", i), strconv.Quote(g.Match), "a pattern")
		}
		if g.L1 > 0 && c.Optimizer != SGD {
			return config.Invalid(fmt.Sprintf("train.groups[%d].l1", i), g.L1, "0 unless train.optimizer is sgd")
		}
	}
	return c.Schedule.validate()
}

// CheckBest returns an error unless [Config.Best] is one of the metrics of the evaluation, or there is no evaluation.
func (c Config) CheckBest(metrics ...string) error {
	if c.EvalEpochs == 0 || slices.Contains(metrics, c.Best) {
		return nil
	}
	const most = 12 // metrics that a message names
	need := spelling.Alternatives(metrics)
	if more := len(metrics) - most; more > 0 {
		need = fmt.Sprintf("%s or one of %d others", strings.Join(metrics[:most], ", "), more)
	}
	return config.Invalid("train.best", c.Best, need+spelling.DidYouMean(c.Best, metrics, func(name string) string { return name }))
}

// Matches reports whether the pattern matches the name of a parameter.
func (g Group) Matches(name string) bool {
	ok, _ := path.Match(g.Match, name)
	return ok
}

// treatment is how the optimiser treats a parameter.
type treatment struct {
	lrScale, decay, l1 float64
	frozen             bool
}

// treatment returns that of a parameter: by the first group that matches it.
func (c Config) treatment(name string) treatment {
	t := treatment{lrScale: 1, decay: c.WeightDecay}
	for _, g := range c.Groups {
		if !g.Matches(name) {
			continue
		}
		if g.LRScale != nil {
			t.lrScale = *g.LRScale
		}
		if g.WeightDecay != nil {
			t.decay = *g.WeightDecay
		}
		t.l1, t.frozen = g.L1, g.Frozen
		break
	}
	return t
}

// Frozen reports whether a group freezes a parameter. A model need not compute its
// gradient.
func (c Config) Frozen(name string) bool {
	return c.treatment(name).frozen
}
