package backbone

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/checkpoint"
	"scalenet/engine"
	"scalenet/nn"
)

var checkpoints = flag.String("checkpoints", "", "folder that `golden.py checkpoints` wrote, and `scalenet convert` converted")

// TestCheckpoints loads whole state dicts, written by torch.save and converted to
// safetensors, by name: nothing is missing or left over, and the logits are
// PyTorch's. The files are too large for the repository:
//
//	python testdata/golden.py checkpoints DIR
//	for f in DIR/*.pth; do scalenet convert $f ${f%.pth}.safetensors; done
//	go test ./backbone -run TestCheckpoints -checkpoints DIR
func TestCheckpoints(t *testing.T) {
	if *checkpoints == "" {
		t.Skip("no -checkpoints")
	}
	files, err := filepath.Glob(filepath.Join(*checkpoints, "*.safetensors"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	dev := processor(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".safetensors")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(strings.TrimSuffix(file, ".safetensors") + ".json")
			require.NoError(t, err)
			var want []float64
			require.NoError(t, json.Unmarshal(data, &want))
			params := nn.NewParams(0)
			got := make([]float32, len(want))
			classify(t, dev, name, params, file, got)
			scale, worst := 0.0, 0.0
			for i, w := range want {
				scale = max(scale, w, -w)
				worst = max(worst, w-float64(got[i]), float64(got[i])-w)
			}
			t.Logf("logits off by %.2g of the scale", worst/scale)
			require.LessOrEqual(t, worst/scale, 1e-4)
		})
	}
}

// classify computes the logits of the formula's image with a file's parameters.
func classify(t *testing.T, dev engine.Device, name string, params *nn.Params, file string, logits []float32) {
	n, err := Config{Name: name}.New()
	require.NoError(t, err)
	g := nn.NewGraph(params, false)
	images := g.Features("images", 1, 224, 224, 3)
	out := Classifier(g, n, images, len(logits))
	r, err := checkpoint.Open(file)
	require.NoError(t, err)
	defer r.Close()
	var infos []checkpoint.Info
	for _, p := range params.All() {
		infos = append(infos, checkpoint.Info{Name: p.Name, Shape: p.Shape})
	}
	match := checkpoint.Match(r.Infos(), infos)
	require.Len(t, match.Matched, len(infos), match.String())
	require.Empty(t, match.LeftOver)
	for _, p := range params.All() {
		tensor, err := r.Tensor(p.Name)
		require.NoError(t, err)
		require.NoError(t, tensor.CopyFloat32s(p.Data))
	}
	store := engine.NewStore(dev, params)
	defer store.Close()
	plan, err := engine.Compile(dev, store, engine.Spec{Graph: g, Stages: [][]*nn.Node{{out}}})
	require.NoError(t, err)
	defer plan.Close()
	require.NoError(t, plan.Write(images, imagesByFormula("", 1, 224, 224)))
	require.NoError(t, plan.RunAll())
	require.NoError(t, plan.Read(out, logits))
}
