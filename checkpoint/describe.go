package checkpoint

import (
	"encoding/json"
	"fmt"

	"scalenet/internal/brief"
)

// The metadata keys of a model file: the configuration, under a key per kind of model,
// and the class names.
const (
	DetectorKey   = "scalenet.detector"
	ClassifierKey = "scalenet.classifier"
	classesKey    = "scalenet.classes"

	// ThresholdsKey is the key of the score thresholds by class, which only an evaluated
	// model has.
	ThresholdsKey = "scalenet.thresholds"

	// QuantizationKey is the key of the scales of a quantized model's activations.
	QuantizationKey = "scalenet.quantization"

	// StateKey is the key of the state of a training run. Its file also has the
	// configuration of the model.
	StateKey = "state"
)

// Describe returns the metadata of a model file: the configuration under the key of its
// kind, and the class names.
func Describe(key, config string, classes []string) map[string]string {
	names, err := json.Marshal(classes)
	if err != nil {
		panic(err) // strings: cannot fail
	}
	return map[string]string{key: config, classesKey: string(names)}
}

// NotState returns an error that names the file if it is the state of a training run: its tensors do not have the names of a model's.
func (r *Reader) NotState() error { return notState(r.path, r.metadata) }

func notState(path string, metadata map[string]string) error {
	_, state := metadata[StateKey]
	_, detector := metadata[DetectorKey]
	_, classifier := metadata[ClassifierKey]
	if state && (detector || classifier) {
		return fmt.Errorf("%s: the state of a training run, not a model; best.safetensors and last.safetensors beside it are models", path)
	}
	return nil
}

// maxConfig is the maximum size of a configuration in bytes. Those of detectors have a
// few thousand. Parsing YAML takes about a hundred times its size in memory.
const maxConfig = 1 << 17

// Config returns the configuration in metadata under the key of its kind. ok is false if
// there is none.
func Config(metadata map[string]string, key string) (text string, ok bool, err error) {
	text, ok = metadata[key]
	if len(text) > maxConfig {
		return "", false, fmt.Errorf("metadata %s: %d bytes are too many for a configuration, want at most %d", key, len(text), maxConfig)
	}
	return text, ok, nil
}

// Classes returns the class names in the metadata of the file, see [Classes].
func (r *Reader) Classes() (names []string, err error) { return Classes(r.Metadata()) }

// Classes returns the class names in metadata that [Describe] wrote. [CheckClasses] checks them.
func Classes(metadata map[string]string) (names []string, err error) {
	text, ok := metadata[classesKey]
	if !ok {
		return nil, fmt.Errorf("metadata %s: missing", classesKey)
	}
	var list []*string
	if err := json.Unmarshal([]byte(text), &list); err != nil || list == nil {
		return nil, fmt.Errorf("metadata %s: %s is not a JSON list of strings", classesKey, brief.Text(text))
	}
	for i, name := range list {
		if name == nil {
			return nil, fmt.Errorf("metadata %s: class %d is null, want a name", classesKey, i+1)
		}
		names = append(names, *name)
	}
	if err := CheckClasses(names); err != nil {
		return nil, fmt.Errorf("metadata %s: %w", classesKey, err)
	}
	return names, nil
}

// CheckClasses returns an error that names the first class, counted from 1, that has no name or that of another: a class is chosen by its name.
func CheckClasses(names []string) error {
	first := make(map[string]int, len(names))
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("class %d has no name", i+1)
		}
		if other := first[name]; other > 0 {
			return fmt.Errorf("classes %d and %d have the same name %q", other, i+1, brief.Text(name))
		}
		first[name] = i + 1
	}
	return nil
}
