//go:build gpu

package cuda

import (
	"os"
	"os/exec"
	"testing"

	"scalenet/backbone"
	"scalenet/engine"
	"scalenet/engine/optest"
	"scalenet/nn"

	"github.com/stretchr/testify/require"
)

// SCALENET_CUDNN names a folder with the libraries of cuDNN; descriptors work without a GPU. A process of its own loads them, since this
// one has that of the fake libraries.
func TestRealCUDNNTakesOurDescriptors(t *testing.T) {
	if os.Getenv("SCALENET_DESCRIPTORS") != "" {
		describeAll(t)
		return
	}
	folder := os.Getenv("SCALENET_CUDNN")
	if folder == "" {
		t.Skip("SCALENET_CUDNN is not set")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self, "-test.run=^TestRealCUDNNTakesOurDescriptors$", "-test.v")
	c.Env = append(os.Environ(), "SCALENET_DESCRIPTORS=1", "LD_LIBRARY_PATH="+folder)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

// describeAll makes descriptors of all convolutions of the table and of networks at the sizes that they are used at.
func describeAll(t *testing.T) {
	version, err := findCUDNN()
	require.NoError(t, err)
	require.NotZero(t, version%1000, "the version of the fake libraries is a real one, too")
	n := 0
	try := func(op nn.Conv2D, x, w, y nn.Shape) {
		for _, typ := range []string{"f32", "bf16", "f16"} {
			for _, tf32 := range []bool{false, true} {
				_, err := descriptors(op, engine.Desc{Shape: x}, engine.Desc{Shape: w}, engine.Desc{Shape: y}, typ, tf32)
				require.NoError(t, err, "%+v of %v by %v in %s", op, x, w, typ)
				n++
			}
		}
	}
	for _, c := range optest.Cases() {
		if op, ok := c.Op.(nn.Conv2D); ok {
			try(op, c.In[0].Shape, c.In[1].Shape, c.OutShape())
		}
	}
	for _, name := range []string{"scalenet50", "resnext50", "densenet121", "xception"} {
		network, err := backbone.Config{Name: name}.New()
		require.NoError(t, err)
		params := nn.NewParams(1)
		for _, size := range [][3]int{{1, 224, 224}, {8, 224, 224}, {1, 608, 1024}} {
			require.NoError(t, nn.Build(func() {
				g := nn.NewGraph(params, false)
				backbone.Features(g, network, g.Features("images", size[0], size[1], size[2], 3), network.Stages())
				for _, node := range g.Nodes() {
					if conv, ok := node.Op().(nn.Conv2D); ok {
						try(conv, node.Inputs()[0].Shape(), node.Inputs()[1].Shape(), node.Shape())
					}
				}
			}))
		}
	}
	t.Logf("cuDNN %s took %d convolutions", CUDNNVersion(version), n)
}
