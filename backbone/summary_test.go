package backbone

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"scalenet/nn"
)

// definition is what golden.py counts in PyTorch: by hooks over the authors'
// definition (ScaleNet), torchvision's and timm's, at 224 x 224 with 1000 classes.
type definition struct {
	Params, MACs int
	Tensors      int
	SHA256       string // of the sorted lines "name [shape]" of the state dict
}

func TestPublishedDefinitions(t *testing.T) {
	data, err := os.ReadFile("testdata/definitions.json")
	require.NoError(t, err)
	var all map[string]definition
	require.NoError(t, json.Unmarshal(data, &all))
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			n, err := Config{Name: name}.New()
			require.NoError(t, err)
			_, total, err := Summarize(n, 224, 224, 1000)
			require.NoError(t, err)
			require.Equal(t, want, definition{total.Params, total.MACs, len(stateDict(n)), hashOf(stateDict(n))})
		})
	}
}

// stateDict lists the tensors of a classifier, as "name [shape]".
func stateDict(n Network) (lines []string) {
	g := nn.NewGraph(nn.NewShapes(), false)
	Classifier(g, n, g.Features("images", 1, 224, 224, 3), 1000)
	for _, p := range g.Params.All() {
		lines = append(lines, fmt.Sprint(p.Name, " ", []int(p.Shape)))
	}
	slices.Sort(lines)
	return lines
}

func hashOf(lines []string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// Published figures are rounded, and some count pools and scalings too.
func TestPublishedFigures(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			n, err := Config{Name: name}.New()
			require.NoError(t, err)
			p := PublishedOf(name)
			_, total, err := Summarize(n, p.Side, p.Side, p.Classes)
			require.NoError(t, err)
			require.NotZero(t, p.Params+p.MACs+p.Top1)
			if p.Params > 0 {
				require.InEpsilon(t, p.Params*1e6, total.Params, 1e-3)
			}
			if p.MACs > 0 {
				require.InEpsilon(t, p.MACs*1e9, total.MACs, 0.014)
			}
		})
	}
}
