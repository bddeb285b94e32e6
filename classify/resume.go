package classify

import (
	"fmt"
	"slices"

	"scalenet/train"
)

// Untrained is an error that names the key of the configuration that freezes
// parameters which are still random: not among the names of those taken from a
// trained model.
func (m *Model) Untrained(taken []string) error {
	random := train.Untrained(m.Params, taken)
	if len(random) == 0 {
		return nil
	}
	i := slices.IndexFunc(m.Config.Train.Groups, func(g train.Group) bool { return g.Frozen && slices.ContainsFunc(random, g.Matches) })
	return fmt.Errorf("train.groups[%d].frozen = true: %d frozen parameters are random (%s, ...) and would stay so: start from a trained model that has them (--init FILE), or train them",
		i, len(random), random[0])
}
