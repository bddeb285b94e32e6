package nn

import (
	"fmt"

	"scalenet/checkpoint"
)

// Description is the metadata of a model file: the configuration as text, the origin of that text for error messages, and the class names.
type Description struct {
	Config, Origin string
	Classes        []string
}

// ReadModel reads a model file whose metadata [checkpoint.Describe] wrote under key. build builds the model from its description and adds the parameters
// to params. ReadModel compares these with the file's tensors before it allocates memory for them. Errors name the file.
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
