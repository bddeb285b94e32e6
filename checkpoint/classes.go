package checkpoint

import (
	"encoding/json"
	"fmt"
)

// Classes are the class names that Describe put into metadata.
func Classes(metadata map[string]string) (names []string, err error) {
	if err := json.Unmarshal([]byte(metadata[classesKey]), &names); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", classesKey, err)
	}
	return names, nil
}
