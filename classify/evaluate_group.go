package classify

import (
	"encoding/json"
	"errors"
	"fmt"

	"scalenet/collective"
)

// evaluatedPart is what a process tells the others at the end of an evaluation.
type evaluatedPart struct {
	Tally   tally
	Skipped []skippedImage
}

// skippedImage is an image that could not be read.
type skippedImage struct{ Name, Error string }

// together returns the sum of the tallies of all processes. The images that others have skipped are recorded, too.
func (t tally) together(g *collective.Group, skipped *Skipped) (tally, error) {
	if g == nil || g.Size() == 1 {
		return t, nil
	}
	text, err := json.Marshal(evaluatedPart{t, skipped.list()})
	if err != nil {
		return t, err
	}
	blocks, err := g.AllGather(text)
	if err != nil {
		return t, err
	}
	var sum tally
	for rank, block := range blocks {
		var part evaluatedPart
		if err := json.Unmarshal(block, &part); err != nil {
			return t, fmt.Errorf("the evaluation of rank %d: %w", rank, err)
		}
		sum.Images += part.Tally.Images
		sum.First += part.Tally.First
		sum.Five += part.Tally.Five
		for _, image := range part.Skipped {
			skipped.skips(image.Name, errors.New(image.Error))
		}
	}
	return sum, nil
}
