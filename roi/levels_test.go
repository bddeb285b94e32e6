package roi

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"scalenet/nn"
)

// RoIs on, just below and just above the limits of levels get the level that each detector's code gives them: testdata/levels.py.
func TestLevelsEqualPublishedDetectors(t *testing.T) {
	type formula struct {
		KMin           int `json:"k_min"`
		KMax           int `json:"k_max"`
		CanonicalSize  int `json:"canonical_size"`
		CanonicalLevel int `json:"canonical_level"`
		Count          int
		FinestScale    float64 `json:"finest_scale"`
		Levels         []int
	}
	var golden struct {
		Boxes                                [][4]float32
		Torchvision, Detectron2, MMDetection []formula
	}
	data, err := os.ReadFile("testdata/levels.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &golden))
	check := func(name nn.LevelFormula, formulas []formula) {
		require.NotEmpty(t, formulas)
		for _, f := range formulas {
			a := AlignConfig{CanonicalSize: float64(f.CanonicalSize), CanonicalLevel: f.CanonicalLevel, LevelFormula: name}
			finest, count := f.KMin, f.KMax-f.KMin+1
			if name == nn.MMDetectionLevels {
				a.CanonicalSize, a.CanonicalLevel, finest, count = 4*f.FinestScale, 4, 2, f.Count
			}
			op := a.Operation(1 << finest)
			for i, b := range golden.Boxes {
				if area := (b[2] - b[0]) * (b[3] - b[1]); !(area >= 0) || math.IsInf(float64(area), 0) {
					continue // torch converts NaN to an integer, which has no definition
				}
				var on []int
				for level := range count {
					low, high := op.Areas(level, count)
					if nn.OnLevel(b[0], b[1], b[2], b[3], low, high) {
						on = append(on, level)
					}
				}
				require.Equal(t, []int{f.Levels[i]}, on, "%s, levels from %d: box %v", name, finest, b)
			}
		}
	}
	check(nn.TorchvisionLevels, golden.Torchvision)
	check(nn.Detectron2Levels, golden.Detectron2)
	check(nn.MMDetectionLevels, golden.MMDetection)
}
