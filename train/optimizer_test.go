package train

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/engine/ref"
)

// readJSON reads golden numbers that testdata/make.py wrote.
func readJSON(t *testing.T, name string, to any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, to))
}

func ptr[T any](v T) *T { return &v }

// names are those of the parameters in the golden files of steps.
var names = []string{"conv.weight", "conv.bias", "frozen.weight", "head.weight", "head.bias"}

// devices are all whose arithmetic is plain Go.
var devices = map[string]Device{"host": host{}, "ref": ref.New(ref.Options{})}

// upload puts values into new memory of a device.
func upload(t *testing.T, d Device, values []float32) engine.Memory {
	t.Helper()
	m, err := d.Alloc(4 * len(values))
	require.NoError(t, err)
	require.NoError(t, d.Write(m, values))
	return m
}

func TestSGDEqualsPyTorch(t *testing.T) {
	for name, device := range devices {
		t.Run(name, func(t *testing.T) { requireSteps(t, device, "sgd.json", 5, DefaultConfig()) })
	}
}

func TestAdamWEqualsPyTorch(t *testing.T) {
	config := DefaultConfig()
	config.Optimizer, config.Betas, config.Eps = AdamW, [2]float64{0.8, 0.99}, 1e-6
	for name, device := range devices {
		t.Run(name, func(t *testing.T) { requireSteps(t, device, "adamw.json", 12, config) })
	}
}

// requireSteps makes the steps of a golden file with an optimiser.
func requireSteps(t *testing.T, device Device, file string, steps int, config Config) {
	var cases []struct {
		Accumulate int
		Clip       float64
		Start      map[string][]float32
		Steps      []struct {
			LR, Norm float64
			Batches  []map[string][]float32
			After    map[string][]float32
		}
	}
	readJSON(t, file, &cases)
	require.Len(t, cases, 4)
	for _, c := range cases {
		var params []Param
		for _, name := range names {
			params = append(params, Param{Name: name, Len: len(c.Start[name]), Value: upload(t, device, c.Start[name]), Trainable: true, Version: new(uint64)})
		}
		config.WeightDecay, config.Accumulate, config.ClipNorm = 0.01, c.Accumulate, c.Clip
		config.Groups = []Group{
			{Match: "*.bias", WeightDecay: ptr(0.0), LRScale: ptr(2.0)},
			{Match: "head.*", LRScale: ptr(0.5)},
			{Match: "frozen.*", Frozen: true},
		}
		require.NoError(t, config.Validate())
		optimizer, err := NewOptimizer(device, params, config)
		require.NoError(t, err)
		require.Len(t, c.Steps, steps)
		for _, step := range c.Steps {
			for _, batch := range step.Batches {
				grads := make([]engine.Memory, len(params))
				for i, p := range params {
					if g, ok := batch[p.Name]; ok {
						grads[i] = upload(t, device, g)
					}
				}
				require.NoError(t, optimizer.Accumulate(grads))
			}
			norm, err := optimizer.GradNorm()
			require.NoError(t, err)
			require.InEpsilon(t, step.Norm, norm, 1e-6)
			require.NoError(t, optimizer.Step(step.LR))
			for _, p := range params {
				got := make([]float32, p.Len)
				require.NoError(t, device.Read(got, p.Value))
				require.InDeltaSlice(t, step.After[p.Name], got, 1e-6, p.Name)
			}
		}
		require.Equal(t, uint64(steps), *params[0].Version)
		require.Equal(t, uint64(0), *params[2].Version, "frozen")
		require.Equal(t, uint64(steps-1), *params[4].Version, "no gradient in one step")
	}
}

// What an optimiser saves is what a new one goes on from.
func TestOptimizerState(t *testing.T) {
	config := DefaultConfig()
	for optimizer, want := range map[string][]string{
		SGD:   {"momentum_buffer/a", "momentum_buffer/b"},
		AdamW: {"exp_avg/a", "exp_avg_sq/a", "step/a", "exp_avg/b", "exp_avg_sq/b", "step/b"},
	} {
		config.Optimizer = optimizer
		a, b := hostMemory{1, 2}, hostMemory{3}
		params := []Param{{Name: "a", Len: 2, Value: a, Trainable: true}, {Name: "b", Len: 1, Value: b, Trainable: true}}
		steps := func(o *Optimizer, n int) {
			for range n {
				require.NoError(t, o.Accumulate([]engine.Memory{hostMemory{0.5, -1}, nil}))
				require.NoError(t, o.Step(0.1))
			}
		}
		first, err := NewOptimizer(host{}, params, config)
		require.NoError(t, err)
		steps(first, 3)
		saved, err := first.State()
		require.NoError(t, err)
		tensors := map[string]checkpoint.Tensor{}
		var names []string
		for _, tensor := range saved {
			names, tensors[tensor.Name] = append(names, tensor.Name), tensor
		}
		require.Equal(t, want, names)
		before := append(hostMemory{}, a...)
		steps(first, 2)
		after := append(hostMemory{}, a...)
		copy(a, before)
		second, err := NewOptimizer(host{}, params, config)
		require.NoError(t, err)
		get := func(name string) (checkpoint.Tensor, error) {
			tensor, ok := tensors[name]
			if !ok {
				return tensor, fmt.Errorf("no %s", name)
			}
			return tensor, nil
		}
		require.NoError(t, second.Restore(get))
		steps(second, 2)
		require.Equal(t, after, a)
		require.Equal(t, hostMemory{3}, b)
		if optimizer == AdamW {
			tensors["step/b"] = checkpoint.Int64Tensor("step/b", []int{1}, []int64{-1})
			require.ErrorContains(t, second.Restore(get), `"step/b" holds [-1], not a number of steps`)
		}
		delete(tensors, want[1])
		require.ErrorContains(t, second.Restore(get), "no "+want[1])
	}
}

func TestOptimizerRefuses(t *testing.T) {
	config := DefaultConfig()
	_, err := NewOptimizer(host{}, []Param{{Name: "running_mean", Len: 1, Value: hostMemory{0}}}, config)
	require.ErrorContains(t, err, "none of the 1 parameters")

	config.ClipNorm = 1
	w := hostMemory{1}
	optimizer, err := NewOptimizer(host{}, []Param{{Name: "w", Len: 1, Value: w, Trainable: true}}, config)
	require.NoError(t, err)
	require.ErrorContains(t, optimizer.Step(0.1), "optimiser step without a batch")
	require.NoError(t, optimizer.Accumulate([]engine.Memory{hostMemory{float32(math.NaN())}}))
	require.ErrorContains(t, optimizer.Step(0.1), "NaN")
	require.Equal(t, hostMemory{1}, w)
}

func TestEMA(t *testing.T) {
	w := hostMemory{1, 2}
	params := []Param{{Name: "w", Len: 2, Value: w}}
	ema, err := NewEMA(host{}, params, 0.5)
	require.NoError(t, err)
	copy(w, []float32{3, 4})
	require.NoError(t, ema.Update(0)) // decay 0.1: 0.1*1 + 0.9*3
	require.NoError(t, ema.Swap())
	require.InDeltaSlice(t, []float32{2.8, 3.8}, []float32(w), 1e-6)
	require.NoError(t, ema.Swap())
	require.Equal(t, hostMemory{3, 4}, w)
	copy(w, []float32{0, 0})
	require.NoError(t, ema.Update(1000)) // decay 0.5
	saved, err := ema.State()
	require.NoError(t, err)
	values, err := saved[0].Float32s()
	require.NoError(t, err)
	require.InDeltaSlice(t, []float32{1.4, 1.9}, values, 1e-6)
	require.NoError(t, ema.Restore(func(string) (checkpoint.Tensor, error) {
		return checkpoint.Float32Tensor("w", []int{2}, []float32{8, 9}), nil
	}))
	require.NoError(t, ema.Swap())
	require.Equal(t, hostMemory{8, 9}, w)
}

func TestScheduleEqualsPyTorch(t *testing.T) {
	var cases []struct {
		Epochs     int
		PerEpoch   int `json:"per_epoch"`
		Milestones []int
		Gamma      float64
		Warmup     int
		Factor     float64
		Cosine     bool
		Floor      float64
		Rates      []float64
	}
	readJSON(t, "schedule.json", &cases)
	require.Len(t, cases, 5)
	for _, c := range cases {
		s := Schedule{Kind: "step", Milestones: c.Milestones, Gamma: c.Gamma, MinFactor: c.Floor, WarmupSteps: c.Warmup, WarmupFactor: c.Factor}
		if c.Cosine {
			s.Kind = "cosine"
		}
		require.NoError(t, s.validate())
		for step, want := range c.Rates {
			require.InDelta(t, want, s.Factor(step, c.PerEpoch, c.Epochs*c.PerEpoch), 1e-12, "%+v step %d", s, step)
		}
	}
	all := Schedule{Kind: "cosine", WarmupSteps: 10, WarmupFactor: 0.1}
	require.InDelta(t, 0.1, all.Factor(0, 1, 5), 1e-12, "a run that ends within the warm-up")
}

func TestConfigValidate(t *testing.T) {
	require.NoError(t, DefaultConfig().Validate())
	nan := math.NaN()
	cases := []struct {
		want string
		edit func(*Config)
	}{
		{"train.epochs = 0", func(c *Config) { c.Epochs = 0 }},
		{"train.lr = 0", func(c *Config) { c.LR = 0 }},
		{"train.lr = NaN", func(c *Config) { c.LR = nan }},
		{"train.lr = +Inf", func(c *Config) { c.LR = math.Inf(1) }},
		{"train.momentum = 1:", func(c *Config) { c.Momentum = 1 }},
		{`train.optimizer = adam: must be sgd or adamw`, func(c *Config) { c.Optimizer = "adam" }},
		{`train.optimizer = "": must be sgd or adamw`, func(c *Config) { c.Optimizer = "" }},
		{"train.betas[0] = 1:", func(c *Config) { c.Betas[0] = 1 }},
		{"train.betas[0] = NaN", func(c *Config) { c.Betas[0] = nan }},
		{"train.betas[1] = -0.1", func(c *Config) { c.Betas[1] = -0.1 }},
		{"train.eps = 0: must be in [1e-30, 1]", func(c *Config) { c.Eps = 0 }},
		{"train.eps = NaN", func(c *Config) { c.Eps = nan }},
		{"train.weight_decay = -0.1", func(c *Config) { c.WeightDecay = -0.1 }},
		{"train.accumulate = 0", func(c *Config) { c.Accumulate = 0 }},
		{"train.accumulate = 9223372036854775807: must be from 1 to 65536", func(c *Config) { c.Accumulate = math.MaxInt }},
		{"train.epochs = 9223372036854775807: must be from 1 to 1000000", func(c *Config) { c.Epochs = math.MaxInt }},
		{"train.epochs = 0: must be from 1", func(c *Config) { c.Epochs = 0 }},
		{"train.clip_norm = NaN", func(c *Config) { c.ClipNorm = nan }},
		{"train.ema_decay = 1:", func(c *Config) { c.EMADecay = 1 }},
		{"train.log_steps = 0", func(c *Config) { c.LogSteps = 0 }},
		{"train.eval_epochs = -1", func(c *Config) { c.EvalEpochs = -1 }},
		{"train.save_steps = -1", func(c *Config) { c.SaveSteps = -1 }},
		{`train.best = ""`, func(c *Config) { c.Best = "" }},
		{`train.groups[0].match = "["`, func(c *Config) { c.Groups[0].Match = "[" }},
		{"train.groups[0].lr_scale = -1", func(c *Config) { c.Groups[0].LRScale = ptr(-1.0) }},
		{"train.groups[0].weight_decay = NaN", func(c *Config) { c.Groups[0].WeightDecay = &nan }},
		{"train.groups[0].l1 = -1", func(c *Config) { c.Groups[0].L1 = -1 }},
		{"train.groups[0].l1 = 0.1: must be 0 unless train.optimizer is sgd", func(c *Config) { c.Groups[0].L1, c.Optimizer = 0.1, AdamW }},
		{`train.schedule.kind = poly: must be step or cosine`, func(c *Config) { c.Schedule.Kind = "poly" }},
		{"train.schedule.gamma = 0", func(c *Config) { c.Schedule.Gamma = 0 }},
		{"train.schedule.milestones = [8 4]", func(c *Config) { c.Schedule.Milestones = []int{8, 4} }},
		{"train.schedule.milestones[0] = 0", func(c *Config) { c.Schedule.Milestones = []int{0} }},
		{"train.schedule.warmup_steps = -1", func(c *Config) { c.Schedule.WarmupSteps = -1 }},
		{"train.schedule.warmup_factor = 0", func(c *Config) { c.Schedule.WarmupSteps, c.Schedule.WarmupFactor = 5, 0 }},
		{"train.schedule.min_factor = 2", func(c *Config) { c.Schedule.MinFactor = 2 }},
	}
	for _, c := range cases {
		config := DefaultConfig()
		c.edit(&config)
		require.ErrorContains(t, config.Validate(), c.want)
	}
	require.True(t, Config{Groups: []Group{{Match: "stem.*", Frozen: true}}}.Frozen("stem.conv.weight"))
	require.False(t, DefaultConfig().Frozen("stem.conv.weight"))
}

func TestRand(t *testing.T) {
	a, b := NewRand(7), NewRand(8)
	a.Uint64()
	saved, err := a.MarshalBinary()
	require.NoError(t, err)
	require.NoError(t, b.UnmarshalBinary(saved))
	require.Equal(t, a.Uint64(), b.Uint64())
	require.ErrorContains(t, b.UnmarshalBinary([]byte("x")), "1 bytes")
}

func TestCheckBest(t *testing.T) {
	many := make([]string, 80)
	for i := range many {
		many[i] = fmt.Sprint("m", i)
	}
	for _, c := range []struct {
		best    string
		metrics []string
		want    string
	}{
		{"top5", []string{"top1", "top5"}, ""},
		{"zzz", []string{"top1", "top5"}, "train.best = zzz: must be top1 or top5"},
		{"AP50/RBZ", []string{"AP", "AP50/RBC"}, "train.best = AP50/RBZ: must be AP or AP50/RBC; did you mean AP50/RBC?"},
		{"zzz", many, "train.best = zzz: must be m0, m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11 or one of 68 others"},
	} {
		config := DefaultConfig()
		config.Best = c.best
		err := config.CheckBest(c.metrics...)
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.EqualError(t, err, c.want)
		config.EvalEpochs = 0
		require.NoError(t, config.CheckBest(c.metrics...), "nothing is evaluated")
	}
}
