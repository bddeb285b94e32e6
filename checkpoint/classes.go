package checkpoint

import (
	"encoding/json"
	"fmt"
)

// Classes returns the class names in metadata written by Describe.
func Classes(metadata map[string]string) (names []string, err error) {
	if err := json.Unmarshal([]byte(metadata[classesKey]), &names); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", classesKey, err)
	}
	return names, nil
}
