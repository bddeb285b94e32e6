package backbone

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The counts are those of PyTorch's hooks over the authors' definition
// (ScaleNet) and over torchvision's (ResNet), at 224 x 224 with 1000 classes.
func TestSummarizePublished(t *testing.T) {
	for name, want := range map[string][2]int{
		"scalenet50":       {31_483_618, 3_818_372_352},
		"scalenet50_light": {23_631_912, 2_861_475_840},
		"scalenet101":      {54_792_390, 7_511_097_600},
		"scalenet152":      {77_220_070, 11_211_951_616},
		"resnet50":         {25_557_032, 4_089_184_256},
		"resnet101":        {44_549_160, 7_801_405_440},
		"resnet152":        {60_192_808, 11_513_626_624},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := Config{Name: name}.New()
			require.NoError(t, err)
			_, total, err := Summarize(n, 224, 224, 1000)
			require.NoError(t, err)
			require.Equal(t, want, [2]int{total.Params, total.MACs})
		})
	}
}

// The even allocation costs no more than the ResNet of the same depth, stage by stage.
func TestEvenAllocationForCIFAR(t *testing.T) {
	for _, layers := range []string{"38", "56", "101"} {
		var costs [2][]Cost
		for i, name := range []string{"cifar_resnet" + layers, "cifar_scalenet" + layers} {
			n, err := Config{Name: name}.New()
			require.NoError(t, err)
			costs[i], _, err = Summarize(n, 32, 32, 100)
			require.NoError(t, err)
		}
		for i, c := range costs[1] {
			require.LessOrEqual(t, c.MACs, costs[0][i].MACs, "%s layers, %s", layers, c.Part)
			require.GreaterOrEqual(t, float64(c.MACs), 0.9*float64(costs[0][i].MACs), "%s layers, %s", layers, c.Part)
		}
	}
}
