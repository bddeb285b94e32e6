package checkpoint

import (
	"encoding/json"
	"fmt"

	"scalenet/internal/brief"
)

// The keys of a model file's metadata: what kind of model the configuration
// under the key is of, and the class names.
const (
	DetectorKey   = "scalenet.detector"
	ClassifierKey = "scalenet.classifier"
	classesKey    = "scalenet.classes"

	// StateKey is under which the state of a training run is kept, beside the
	// configuration of the model that it trains.
	StateKey = "state"
)

// Describe is the metadata of a model's file: its configuration under the key of
// its kind, and the names of its classes.
func Describe(key, config string, classes []string) map[string]string {
	names, err := json.Marshal(classes)
	if err != nil {
		panic(err) // strings: cannot fail
	}
	return map[string]string{key: config, classesKey: string(names)}
}

// maxConfig bounds the text of a configuration, in bytes: the largest of a detector
// has a few thousand, and reading YAML takes some hundred times its size.
const maxConfig = 1 << 17

// Config is the configuration in a file's metadata under the key of its kind; false
// when the file has none of the kind.
func Config(metadata map[string]string, key string) (text string, ok bool, err error) {
	text, ok = metadata[key]
	if len(text) > maxConfig {
		return "", false, fmt.Errorf("metadata %s: %d bytes are too many for a configuration, want at most %d", key, len(text), maxConfig)
	}
	return text, ok, nil
}

// Classes are the class names that Describe put into a file's metadata.
func (r *Reader) Classes() (names []string, err error) {
	text, ok := r.Metadata()[classesKey]
	if !ok {
		return nil, fmt.Errorf("metadata %s: not there", classesKey)
	}
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("metadata %s: %s is not a JSON list of strings", classesKey, brief.Text(text))
	}
	return names, nil
}
