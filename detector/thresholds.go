package detector

import (
	"encoding/json"
	"fmt"

	"scalenet/checkpoint"
	"scalenet/coco/threshold"
	"scalenet/internal/brief"
)

// maxThresholds is the maximum size of stored thresholds in bytes: enough for thousands of classes.
const maxThresholds = 1 << 21

// StoreThresholds stores score thresholds in the file that the model was loaded from, and changes nothing else in it. A file that was replaced since
// then is an error, because the thresholds are not those of its parameters.
func (m *Model) StoreThresholds(path string, chosen *threshold.Chosen, options ...checkpoint.Option) error {
	if err := checkThresholds(chosen, m.Classes); err != nil {
		return err
	}
	return checkpoint.SetMetadata(path, checkpoint.ThresholdsKey, thresholdsText(chosen), m.Digest, options...)
}

func thresholdsText(chosen *threshold.Chosen) string {
	text, err := json.Marshal(chosen)
	if err != nil {
		panic(err) // finite numbers and texts: cannot fail
	}
	return string(text)
}

// readThresholds returns the thresholds in the metadata of a model file, nil if there are none.
func readThresholds(metadata map[string]string, classes []string) (*threshold.Chosen, error) {
	text, ok := metadata[checkpoint.ThresholdsKey]
	if !ok {
		return nil, nil
	}
	fail := func(err error) (*threshold.Chosen, error) {
		return nil, fmt.Errorf("metadata %s: %w", checkpoint.ThresholdsKey, err)
	}
	if len(text) > maxThresholds {
		return fail(fmt.Errorf("%d bytes are too many, want at most %d", len(text), maxThresholds))
	}
	var chosen threshold.Chosen
	if err := json.Unmarshal([]byte(text), &chosen); err != nil {
		return fail(fmt.Errorf("%s is not the JSON of thresholds", brief.Text(text)))
	}
	if err := checkThresholds(&chosen, classes); err != nil {
		return fail(err)
	}
	return &chosen, nil
}

// checkThresholds returns an error if thresholds are not those of the classes, or out of range.
func checkThresholds(chosen *threshold.Chosen, classes []string) error {
	if len(chosen.Classes) != len(classes) {
		return fmt.Errorf("thresholds of %d classes, the model has %d", len(chosen.Classes), len(classes))
	}
	for k, c := range chosen.Classes {
		if c.Name != classes[k] {
			return fmt.Errorf("class %d is %q, the model's is %q", k+1, brief.Text(c.Name), classes[k])
		}
		if c.Point != nil && !(c.Point.Threshold.Value >= 0 && c.Point.Threshold.Value <= 1) {
			return fmt.Errorf("class %q: threshold %v, want a number from 0 to 1", brief.Text(c.Name), c.Point.Threshold.Value)
		}
	}
	return nil
}
