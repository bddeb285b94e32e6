package detector

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/assign"
	"scalenet/backbone"
	"scalenet/engine"
	"scalenet/engine/ref"
	"scalenet/geom"
)

// small is a detector that the reference device can train.
func small(t *testing.T, changes ...string) *Model {
	c := Default()
	c.Backbone = backbone.Config{Name: "scalenet", Stem: backbone.Stem{Channels: 8, Kernel: 3},
		Blocks: []int{1, 1, 1, 1}, Planes: []int{4, 4, 8, 8}, Scales: []int{1, 2},
		Structure: backbone.Structure{{3, 2, 16}, {3, 2, 8}, {6, 3, 4}, {6, 3, 2}}}
	c.RPN.Channels = 16
	c.RPN.Anchors.Sizes = []float64{16, 32}
	c.RPN.Proposals.Train.AfterNMS, c.RPN.Proposals.Test.AfterNMS = 40, 40
	c.RoI.Targets.Samples = 16
	c.RoI.Align.Size = 4
	c.Frozen = Frozen{Stages: -1}
	for _, s := range changes {
		require.NoError(t, c.Set(s))
	}
	m, err := New(c, []string{"a", "b"}, 3)
	require.NoError(t, err)
	return m
}

// square is a batch of one picture with a bright square of class 1 in it.
func square(m *Model, side int) ([]float32, []example) {
	pixels := make([]float32, side*side*3)
	for y := 16; y < 40; y++ {
		for x := 20; x < 48; x++ {
			for c := range 3 {
				pixels[(y*side+x)*3+c] = 2
			}
		}
	}
	truth := assign.GroundTruth{Boxes: []geom.Box{{X1: 20, Y1: 16, X2: 48, Y2: 40}}, Classes: []int32{1}}
	return pixels, []example{{geom.Size{W: side, H: side}, truth}}
}

func TestStepLearnsOnePicture(t *testing.T) {
	for _, changes := range [][]string{{}, {"boxes: inclusive"}} {
		_ = changes
	}
	dev := ref.New(ref.Options{})
	m := small(t)
	store := engine.NewStore(dev, m.Params)
	step, err := m.compileTraining(dev, store, batchSize{1, 64, 64})
	require.NoError(t, err)
	defer step.close()
	random := rand.New(rand.NewPCG(1, 2))
	pixels, batch := square(m, 64)
	velocity := map[string]engine.Memory{}
	var begin, end float64
	for i := range 60 {
		require.NoError(t, step.forward(pixels))
		s, err := step.sample(m, batch, random)
		require.NoError(t, err)
		require.NoError(t, step.fill(m, s))
		require.NoError(t, step.backward())
		losses, err := step.losses()
		require.NoError(t, err)
		total := 0.0
		for _, l := range losses {
			total += l.Value
		}
		if i == 0 {
			begin = total
		}
		end = total
		require.NoError(t, store.UpdateRunning(step.first))
		require.NoError(t, store.UpdateRunning(step.second))
		for _, p := range m.Params.All() {
			grad := step.gradients[p]
			if grad == nil {
				continue
			}
			v, err := store.Tensor(p, engine.Float32)
			require.NoError(t, err)
			if velocity[p.Name] == nil {
				velocity[p.Name], _ = dev.Alloc(v.Bytes())
			}
			require.NoError(t, dev.SGD(v.Mem, grad, velocity[p.Name], len(p.Data), engine.SGDStep{LR: 0.02, Momentum: 0.9, GradScale: 1}))
			*v.Changes++
		}
	}
	t.Log(begin, end)
	require.Less(t, end, begin/3)
}
