package detector

import (
	"fmt"
	"slices"
	"strings"

	"scalenet/train"
)

// Untrained returns an error if the configuration freezes parameters that still have random values, that is, whose names are not in taken, the
// names of the parameters copied from a trained model. The error names the configuration keys that freeze them.
func (m *Model) Untrained(taken []string) error {
	random := train.Untrained(m.Params, taken)
	if len(random) == 0 {
		return nil
	}
	var keys, advice []string
	if f := m.Config.Frozen; f.Stages >= 0 {
		keys, advice = append(keys, fmt.Sprintf("frozen.stages = %d", f.Stages)), append(advice, "--set frozen.stages=-1")
	}
	if m.Config.Frozen.Norms {
		keys, advice = append(keys, "frozen.norms = true"), append(advice, "--set frozen.norms=false")
	}
	for i, g := range m.Config.Train.Groups {
		if g.Frozen && slices.ContainsFunc(random, g.Matches) {
			keys, advice = append(keys, fmt.Sprintf("train.groups[%d].frozen = true", i)), append(advice, "change train.groups")
		}
	}
	return fmt.Errorf("%s: %d frozen parameters are random (%s, ...) and would never be trained: start from a trained model that has them (--init FILE), or train them (%s)",
		strings.Join(keys, ", "), len(random), random[0], strings.Join(advice, " "))
}
