package optest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"scalenet/engine"
)

// updates are steps of each rule that devices have kernels for.
var updates = []struct {
	name  string
	steps []engine.UpdateRule
}{
	{"SGD", []engine.UpdateRule{
		engine.SGDUpdate{LR: 0.1, Momentum: 0.9, Decay: 1e-2, GradScale: 0.5},
		engine.SGDUpdate{LR: 0.05, GradScale: 1},
		engine.SGDUpdate{LR: 0.05, Momentum: 0.5, Decay: 1e-2, L1: 0.3, GradScale: 1},
	}},
	{"AdamW", []engine.UpdateRule{
		engine.AdamWUpdate{LR: 0.1, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 1e-2, GradScale: 0.5, Step: 7},
		engine.AdamWUpdate{LR: 0.05, Beta2: 0.5, Eps: 1e-3, GradScale: 2, Step: 1000},
	}},
}

// optimise compares Update, Blend and SumSquares; values beyond n must stay.
func optimise(t *testing.T, oracle, device engine.Device) {
	for _, n := range []int{1, 7, 64, 1001, 20011} {
		for _, u := range updates {
			want, got := updated(t, oracle, u.steps, n), updated(t, device, u.steps, n)
			names := append([]string{"weights"}, u.steps[0].State()...)
			for i, name := range names {
				compareFirst(t, fmt.Sprintf("%s of %s", name, u.name), got[i], want[i], n)
			}
			for i, again := range updated(t, device, u.steps, n) {
				if !slices.Equal(again, got[i]) {
					t.Errorf("%s of %s of %d: other bits in a second run", names[i], u.name, n)
				}
			}
		}
		want, wantSum := blends(t, oracle, n)
		got, sum := blends(t, device, n)
		for i, name := range []string{"blend", "blend onto NaN"} {
			compareFirst(t, name, got[i], want[i], n)
		}
		if math.Abs(sum-wantSum) > 1e-6*wantSum {
			t.Errorf("SumSquares of %d: %g, want %g", n, sum, wantSum)
		}
	}
}

func compareFirst(t *testing.T, name string, got, want []float32, n int) {
	t.Helper()
	if err := Compare(wide(got), wide(want), 1e-6); err != nil {
		t.Errorf("%s of %d: %v", name, n, err)
	}
	if got[n] != want[n] {
		t.Errorf("%s of %d: the value after them changes", name, n)
	}
}

// vectors are arrays of n+1 values in a device's memory, the first from [-1, 1), the others from [0, 1).
func vectors(t *testing.T, dev engine.Device, count, n int) []engine.Memory {
	t.Helper()
	mem := make([]engine.Memory, count)
	for i := range mem {
		fill := Fill{Kind: Uniform, Low: -1, High: 1}
		if i > 0 {
			fill.Low = 0
		}
		v := make([]float32, n+1)
		for j, x := range fill.Make(n+1, uint32(i)) {
			v[j] = float32(x)
		}
		mem[i] = upload(t, dev, v)
	}
	return mem
}

func upload(t *testing.T, dev engine.Device, v []float32) engine.Memory {
	t.Helper()
	m, err := dev.Alloc(4 * len(v))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Free(m) })
	if err := dev.Write(m, v); err != nil {
		t.Fatal(err)
	}
	return m
}

func download(t *testing.T, dev engine.Device, n int, mem ...engine.Memory) [][]float32 {
	t.Helper()
	var values [][]float32
	for _, m := range mem {
		v := make([]float32, n)
		if err := dev.Read(v, m); err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

func do(t *testing.T, dev engine.Device, f func() error) {
	t.Helper()
	if err := dev.Do(f); err != nil {
		t.Fatal(err)
	}
}

// updated makes steps on n of n+1 values and gives the weights and the state.
func updated(t *testing.T, dev engine.Device, steps []engine.UpdateRule, n int) [][]float32 {
	t.Helper()
	mem := vectors(t, dev, 2+len(steps[0].State()), n)
	grad, w, state := mem[0], mem[1], mem[2:]
	do(t, dev, func() error {
		for _, rule := range steps {
			if err := dev.Update(rule, w, grad, state, n); err != nil {
				return err
			}
		}
		return nil
	})
	return download(t, dev, n+1, append([]engine.Memory{w}, state...)...)
}

// blends gives a blend of n of n+1 values and one onto NaN, and the sum of squares before.
func blends(t *testing.T, dev engine.Device, n int) (values [][]float32, sum float64) {
	t.Helper()
	mem := vectors(t, dev, 2, n)
	do(t, dev, func() (err error) {
		sum, err = dev.SumSquares(mem[0], n)
		return err
	})
	do(t, dev, func() error { return dev.Blend(mem[0], mem[1], n, 0.25, 0.75) })
	values = download(t, dev, n+1, mem[0])
	if err := dev.Write(mem[0], slices.Repeat([]float32{float32(math.NaN())}, n)); err != nil {
		t.Fatal(err)
	}
	do(t, dev, func() error { return dev.Blend(mem[0], mem[1], n, -2, 0) })
	return append(values, download(t, dev, n+1, mem[0])...), sum
}

// optimise.py computes these steps with torch.optim in float64.
//
//go:embed testdata/optimise.json
var goldenSteps []byte

// goldenUpdates holds every step of a device to PyTorch's, to 1e-6.
func goldenUpdates(t *testing.T, dev engine.Device) {
	var runs []struct {
		Optimizer          string
		LR, Decay, L1      float64
		Momentum, Eps      float64
		Betas              [2]float64
		Start              []float32
		Gradients, Weights [][]float32
	}
	if err := json.Unmarshal(goldenSteps, &runs); err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		rule := func(step int) engine.UpdateRule {
			if r.Optimizer == "SGD" {
				return engine.SGDUpdate{LR: float32(r.LR), Momentum: float32(r.Momentum), Decay: float32(r.Decay), L1: float32(r.L1), GradScale: 1}
			}
			return engine.AdamWUpdate{LR: r.LR, Beta1: r.Betas[0], Beta2: r.Betas[1], Eps: r.Eps, Decay: r.Decay, GradScale: 1, Step: step}
		}
		n := len(r.Start)
		w, grad := upload(t, dev, r.Start), upload(t, dev, r.Start)
		var state []engine.Memory
		for range rule(1).State() {
			state = append(state, upload(t, dev, make([]float32, n)))
		}
		for i, want := range r.Weights {
			if err := dev.Write(grad, r.Gradients[i]); err != nil {
				t.Fatal(err)
			}
			do(t, dev, func() error { return dev.Update(rule(i+1), w, grad, state, n) })
			if err := Compare(wide(download(t, dev, n, w)[0]), wide(want), 1e-6); err != nil {
				t.Errorf("%s, step %d: %v", r.Optimizer, i+1, err)
			}
		}
	}
}

// noRule is an update no device has.
type noRule struct{}

func (noRule) State() []string { return nil }

func refusedUpdates(t *testing.T, dev engine.Device) {
	mem := vectors(t, dev, 4, 3)
	for _, c := range []struct {
		name  string
		rule  engine.UpdateRule
		state []engine.Memory
		n     int
	}{
		{"unknown rule", noRule{}, nil, 3},
		{"no state", engine.SGDUpdate{}, nil, 3},
		{"too much state", engine.SGDUpdate{}, mem[2:], 3},
		{"too little state", engine.AdamWUpdate{Step: 1}, mem[2:3], 3},
		{"short memory", engine.AdamWUpdate{Step: 1}, mem[2:], 400},
	} {
		if err := dev.Update(c.rule, mem[1], mem[0], c.state, c.n); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
}
