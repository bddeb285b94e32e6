package classify

import (
	"bytes"
	"encoding/gob"
	"fmt"

	"scalenet/collective"
)

// fromFirst returns to all processes what get returns to the first one. If get fails there, the first one alone returns the error; the group has
// to be ended then.
func fromFirst[T any](g *collective.Group, get func() (T, error)) (value T, err error) {
	if g == nil || g.Size() == 1 {
		return get()
	}
	var text bytes.Buffer
	if g.Rank() == 0 {
		if value, err = get(); err != nil {
			return value, err
		}
		if err := gob.NewEncoder(&text).Encode(&struct{ Value T }{value}); err != nil {
			return value, err
		}
	}
	blocks, err := g.AllGather(text.Bytes())
	if err != nil || g.Rank() == 0 {
		return value, err
	}
	var got struct{ Value T }
	if err := gob.NewDecoder(bytes.NewReader(blocks[0])).Decode(&got); err != nil {
		return value, fmt.Errorf("the answer of rank 0: %w", err)
	}
	return got.Value, nil
}
