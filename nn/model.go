package nn

import (
	"fmt"

	"scalenet/checkpoint"
)

// Description is what a model's file says beside its parameters: the text of the configuration under the key of its kind, where that text
// is from (for messages), and the class names.
type Description struct {
	Config, Origin string
	Classes        []string
}

// ReadModel reads a model that was saved with [checkpoint.Describe] under a key. build makes the model of its description, with parameters
// in an empty set; they are compared with the tensors of the file before memory is allocated for them. Errors name the file.
func ReadModel(r *checkpoint.Reader, key string, build func(d Description, params *Params) error) error {
	path := r.Path()
	text, ok, err := checkpoint.Config(r.Metadata(), key)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case !ok && key == checkpoint.DetectorKey:
		return fmt.Errorf("%s: no detector's configuration in the file; is it a classifier's? (use it with train --init)", path)
	case !ok:
		return fmt.Errorf("%s: no classifier's configuration in the file", path)
	}
	if _, ok := r.Metadata()[checkpoint.StateKey]; ok {
		return fmt.Errorf("%s: the state of a training run, not a model; best.safetensors and last.safetensors beside it are models", path)
	}
	classes, err := r.Classes()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	params := NewShapesFor(len(r.Infos()))
	if err := build(Description{text, path, classes}, params); err != nil {
		return err
	}
	report, err := params.Take(r)
	if err != nil {
		return err
	}
	return report.Err(path)
}
