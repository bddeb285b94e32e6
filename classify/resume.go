package classify

import (
	"fmt"
	"slices"

	"scalenet/checkpoint"
	"scalenet/train"
)

// Tensors returns the parameters under their names.
func (m *Model) Tensors() []checkpoint.Tensor { return m.Params.Tensors() }

// Untrained returns an error if frozen parameters are randomly initialised, because they
// are not among the names loaded from a trained model. The error names the key that
// freezes them.
func (m *Model) Untrained(loaded []string) error {
	random := train.Untrained(m.Params, loaded)
	if len(random) == 0 {
		return nil
	}
	i := slices.IndexFunc(m.Config.Train.Groups, func(g train.Group) bool { return g.Frozen && slices.ContainsFunc(random, g.Matches) })
	return fmt.Errorf("train.groups[%d].frozen = true: %d frozen parameters are random (%s, ...) and would never be trained: start from a trained model that has them (--init FILE), or train them",
		i, len(random), random[0])
}
