package nn

import (
	"fmt"

	"scalenet/checkpoint"
)

// ReadModel reads a model file whose metadata [checkpoint.Describe] wrote under key. parse reads the configuration, of which the second argument is the
// origin in error messages. build builds the model from the configuration and the class names and adds the parameters to params. ReadModel compares
// these with the file's tensors before it allocates memory for them. Errors name the file.
func ReadModel[C any](r *checkpoint.Reader, key string, parse func([]byte, string) (C, error), build func(c C, classes []string, params *Params) error) error {
	if err := r.NotState(); err != nil {
		return err
	}
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
	classes, err := r.Classes()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	config, err := parse([]byte(text), path)
	if err != nil {
		return err
	}
	params := NewShapesFor(len(r.Infos()))
	if err := build(config, classes, params); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	report, err := params.Take(r)
	if err != nil {
		return err
	}
	return report.Err(path)
}
