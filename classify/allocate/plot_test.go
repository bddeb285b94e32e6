package allocate

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/backbone"
	"scalenet/train"
)

// imagined is a seed of a network with importances as trainings give them:
// fewer matter at coarse scales.
func imagined(t *testing.T, config backbone.Config) *Seed {
	config, err := SeedNetwork(config, 0, 1)
	require.NoError(t, err)
	config, blocks, err := describe(config)
	require.NoError(t, err)
	seed := &Seed{Path: "seed.safetensors", Config: config, Blocks: blocks}
	r := train.NewRand(1)
	for k, b := range blocks {
		var block [][]float64
		for l, s := range b.Scales {
			values := make([]float64, s.Neurons)
			for i := range values {
				values[i] = math.Abs(0.6 - 0.1*float64(l) + 0.02*float64(k*(l%2)) + 0.2*r.NormFloat64())
			}
			block = append(block, values)
		}
		seed.Importance = append(seed.Importance, block)
	}
	return seed
}

func requirePNG(t *testing.T, path string) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	image, err := png.Decode(f)
	require.NoError(t, err)
	require.Greater(t, image.Bounds().Dx(), 800)
}

func TestPlot(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("PLOT_DIR"); keep != "" { // to look at them
		dir = keep
	}
	seeds := map[string]*Seed{
		"cifar":   imagined(t, backbone.Config{Name: "cifar_scalenet38"}),
		"five":    imagined(t, backbone.Config{Name: "scalenet50", Scales: []int{1, 2, 3, 4, 7}}),
		"deep":    imagined(t, backbone.Config{Name: "scalenet152"}),
		"one":     seedOf(t, [][]float64{{1, 0.5}, {}, {}}),
		"nothing": seedOf(t, [][]float64{{0}, {0}, {0}}),
	}
	for name, seed := range seeds {
		a, err := seed.Allocate(macs(1), 0)
		require.NoError(t, err)
		require.NoError(t, a.Plot(filepath.Join(dir, name)))
		for _, file := range []string{proportionsPNG, receptivePNG, importancePNG} {
			requirePNG(t, filepath.Join(dir, name, file))
		}
	}
	for _, name := range []string{"scalenet50", "scalenet50_light", "scalenet101", "scalenet152"} {
		a, err := Current(backbone.Config{Name: name})
		require.NoError(t, err)
		require.NoError(t, a.Plot(filepath.Join(dir, name)))
		requirePNG(t, filepath.Join(dir, name, proportionsPNG))
		requirePNG(t, filepath.Join(dir, name, receptivePNG))
		require.NoFileExists(t, filepath.Join(dir, name, importancePNG))
	}
}
