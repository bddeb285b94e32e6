package backbone

import (
	"encoding/binary"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/engine/cpu"
	"scalenet/engine/ref"
	"scalenet/nn"
)

// shared is a folder of the reference data, which lies beside the repository.
func shared(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("SCALENET_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared data not found: %s", path)
	}
	return path
}

// npy reads a float32 array of four or two dimensions, NCHW, as NHWC.
func npy(t *testing.T, path string) []float32 {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	n := int(binary.LittleEndian.Uint16(data[8:])) + 10
	header := string(data[10:n])
	require.Contains(t, header, "'<f4'")
	var shape []int
	inner := header[strings.Index(header, "(")+1 : strings.Index(header, ")")]
	for _, f := range strings.Split(inner, ",") {
		if f = strings.TrimSpace(f); f != "" {
			v := 0
			for _, c := range f {
				v = v*10 + int(c-'0')
			}
			shape = append(shape, v)
		}
	}
	values := make([]float32, (len(data)-n)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[n+4*i:]))
	}
	if len(shape) != 4 {
		return values
	}
	out := make([]float32, len(values))
	N, C, H, W := shape[0], shape[1], shape[2], shape[3]
	for i := range N * C {
		for p := range H * W {
			out[((i/C)*H*W+p)*C+i%C] = values[i*H*W+p]
		}
	}
	return out
}

// tiny is the small network whose outputs and gradients PyTorch computed.
func tiny(t *testing.T) *ScaleNet {
	n, err := NewScaleNet(Config{Stem: Stem{Channels: 8, Kernel: 7}, Blocks: []int{2, 2, 2, 1}, Planes: []int{8, 8, 12, 12}, Strides: []int{1, 2, 2, 1}, Structure: Structure{
		{3, 2, 2, 1, 28}, {4, 2, 1, 0, 28}, {4, 3, 2, 2, 14}, {5, 0, 3, 1, 14}, {3, 3, 2, 2, 7}, {6, 4, 0, 0, 7}, {0, 5, 2, 3, 7}}})
	require.NoError(t, err)
	return n
}

// close4 wants every value within 1e-4 of the scale of the whole, or 2e-5.
func close4(t *testing.T, name string, want, got []float32) {
	t.Helper()
	within(t, name, want, got, 1e-4, 2e-5)
}

func within(t *testing.T, name string, want, got []float32, ofScale, absolute float64) {
	t.Helper()
	require.Equal(t, len(want), len(got), name)
	scale, worst := 0.0, 0.0
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		if d := math.Abs(float64(want[i] - got[i])); d > worst || math.IsNaN(d) {
			worst = d
		}
	}
	if !(worst <= max(ofScale*scale, absolute)) {
		t.Errorf("%s: off by %g at a scale of %g", name, worst, scale)
	}
}

func load(t *testing.T, params *nn.Params, path string) map[string][]float32 {
	t.Helper()
	f, err := checkpoint.Load(path)
	require.NoError(t, err)
	values := map[string][]float32{}
	for _, tensor := range f.Tensors {
		if strings.HasSuffix(tensor.Name, "num_batches_tracked") {
			continue
		}
		values[tensor.Name], err = tensor.Float32s()
		require.NoError(t, err)
	}
	if params != nil {
		for _, p := range params.All() {
			require.True(t, values[p.Name] != nil, p.Name)
			copy(p.Data, values[p.Name])
		}
		require.Equal(t, len(values), len(params.All()))
	}
	return values
}

// devices lists every device and form that must give the same numbers.
func devices(t *testing.T) map[string]engine.Device {
	onednn, err := cpu.New(cpu.Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, onednn.Close()) })
	all := map[string]engine.Device{
		"cpu":       onednn,
		"ref":       ref.New(ref.Options{}),
		"ref fused": ref.New(ref.Options{Fuse: true}),
	}
	maps.Copy(all, gpus(t))
	return all
}

func TestTinyInference(t *testing.T) {
	dir := shared(t, "reference", "scalenet-tiny")
	for name, dev := range devices(t) {
		for form, net := range map[string]*ScaleNet{"split": tiny(t), "literal": tiny(t).Literal()} {
			t.Run(name+" "+form, func(t *testing.T) {
				params := nn.NewParams(1)
				g := nn.NewGraph(params, false)
				images := g.Features("images", 2, 112, 144, 3)
				outputs := map[string]*nn.Node{"stem": net.Stem(g, images)}
				x := outputs["stem"]
				for s := 1; s <= 4; s++ {
					x = net.Stage(g, x, s)
					outputs["layer"+string(rune('0'+s))] = x
				}
				x = nn.GlobalAvgPool(x)
				outputs["avgpool"], outputs["logits"] = x, g.Linear(x, "fc", 10, nn.UniformFanIn(48))
				load(t, params, filepath.Join(dir, "tiny.safetensors"))
				var all []*nn.Node
				for _, n := range outputs {
					all = append(all, n)
				}
				store := engine.NewStore(dev, params)
				defer store.Close()
				plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{all}})
				require.NoError(t, err)
				defer plan.Close()
				require.NoError(t, plan.Write(images, npy(t, filepath.Join(dir, "in.npy"))))
				for range 2 { // a second run must not see the first
					require.NoError(t, plan.RunAll())
				}
				for name, n := range outputs {
					got := make([]float32, n.Shape().TotalSize())
					require.NoError(t, plan.Read(n, got))
					close4(t, name, npy(t, filepath.Join(dir, "eval_"+name+".npy")), got)
				}
			})
		}
	}
}

func TestTinyTraining(t *testing.T) {
	dir := shared(t, "reference", "scalenet-tiny")
	for name, dev := range devices(t) {
		for form, net := range map[string]*ScaleNet{"split": tiny(t), "literal": tiny(t).Literal()} {
			t.Run(name+" "+form, func(t *testing.T) { tinyTraining(t, dir, dev, net) })
		}
	}
}

func tinyTraining(t *testing.T, dir string, dev engine.Device, net *ScaleNet) {
	params := nn.NewParams(1)
	g := nn.NewGraph(params, true)
	images, labels, one := g.Features("images", 2, 112, 144, 3), g.Labels("labels", 2), g.Input("one", 1)
	logits := Classifier(g, net, images, 10)
	loss := nn.Apply(nn.SoftmaxCrossEntropy{}, logits, labels)
	grads, further := g.Backward([]*nn.Node{loss}, []*nn.Node{one}, images)
	load(t, params, filepath.Join(dir, "tiny.safetensors"))
	outputs := []*nn.Node{loss, logits, further[0]}
	for _, gr := range grads {
		outputs = append(outputs, gr.Node)
	}
	store := engine.NewStore(dev, params)
	defer store.Close()
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{outputs}})
	require.NoError(t, err)
	defer plan.Close()
	velocity := map[*nn.Param]engine.Memory{}
	for step, wantLoss := range []float64{2.9723510390949177, 1.1509232158877096} {
		require.NoError(t, plan.Write(images, npy(t, filepath.Join(dir, "in.npy"))))
		require.NoError(t, plan.Write(labels, []int32{3, 7}))
		require.NoError(t, plan.Write(one, []float32{1}))
		require.NoError(t, plan.RunAll())
		got := make([]float32, 1)
		require.NoError(t, plan.Read(loss, got))
		require.InDelta(t, wantLoss, float64(got[0]), 1e-4)
		if step == 0 {
			got := make([]float32, 20)
			require.NoError(t, plan.Read(logits, got))
			close4(t, "logits", npy(t, filepath.Join(dir, "train_logits.npy")), got)
			got = make([]float32, 2*112*144*3)
			require.NoError(t, plan.Read(further[0], got))
			close4(t, "input gradient", npy(t, filepath.Join(dir, "grad_input.npy")), got)
			want := load(t, nil, filepath.Join(dir, "grads_step1.safetensors"))
			for _, gr := range grads {
				got := make([]float32, len(gr.Param.Data))
				require.NoError(t, plan.Read(gr.Node, got))
				close4(t, gr.Param.Name, want[gr.Param.Name], got)
			}
		}
		for _, gr := range grads {
			p, _ := store.Tensor(gr.Param, engine.Float32)
			if velocity[gr.Param] == nil {
				velocity[gr.Param], err = dev.Alloc(p.Bytes())
				require.NoError(t, err)
				defer dev.Free(velocity[gr.Param])
			}
			grad, _ := plan.Tensor(gr.Node)
			require.NoError(t, dev.Update(engine.SGDUpdate{LR: 0.1, Momentum: 0.9, Decay: 1e-4, GradScale: 1},
				p.Mem, grad.Mem, []engine.Memory{velocity[gr.Param]}, len(gr.Param.Data)))
			*p.Version++
		}
		require.NoError(t, store.Download())
		requireRunning(t, store, plan)
		want := load(t, nil, filepath.Join(dir, "state_after_step"+string(rune('1'+step))+".safetensors"))
		for _, p := range params.All() {
			if step == 0 {
				close4(t, p.Name, want[p.Name], p.Data)
			} else {
				// A float32 rectifier flips here and there in the second step:
				// PyTorch's own float32 is off by 5.9e-3 in conv1.weight (scale
				// 0.57) and by 4 % of the scale of the smallest arrays.
				// TestTinyTrainingFloat64 holds this state to 1e-5.
				within(t, p.Name, want[p.Name], p.Data, 3e-2, 3e-3)
			}
		}
	}
}

// requireRunning moves the running statistics by the batch that a plan has just run.
func requireRunning(t *testing.T, store *engine.Store, plan *engine.Plan) {
	moments, err := plan.Moments()
	require.NoError(t, err)
	require.NoError(t, store.UpdateRunning(moments))
}
