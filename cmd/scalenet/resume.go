package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"scalenet/train"
)

// configuration is one that a preset, a file and --set make: of a detector or a
// classifier.
type configuration[C any] interface {
	Resolve() (C, error)
	YAML() string
}

// kind says how the configurations of one kind of model are found and read.
type kind[C configuration[C]] struct {
	key    string // of a file's metadata
	preset func(name string) (C, error)
	parse  func(text []byte, origin string) (C, error)
}

// wrote tells whether a text is the whole configuration that a run writes.
func (k kind[C]) wrote(text string) bool {
	config, err := k.parse([]byte(text), train.ConfigFile)
	return err == nil && config.YAML() == text
}

// configure resolves the preset and its changes. Of a run that is resumed, what
// is not given is the run's own, and what is given must be, too.
func configure[C configuration[C]](c *cobra.Command, o *settings, k kind[C], dir string, resume bool, b train.Begun) (C, error) {
	asked, err := resolved(o, k.preset)
	if !resume {
		return asked, err
	}
	was, ok, errWas := begunWith(k, dir, b)
	if errWas != nil || !ok {
		return firstOf(asked, errWas, err)
	}
	if err == nil && train.Unchanged(was, asked) == nil { // the command that began the run
		return asked, nil
	}
	if !c.Flags().Changed("preset") {
		asked, err = resolved(o, func(string) (C, error) { return was, nil })
	}
	if err != nil {
		return asked, err
	}
	if err := train.Unchanged(was, asked); err != nil {
		return asked, fmt.Errorf("%s: %w; leave --preset, --config and --set out to take the run's own", dir, err)
	}
	return asked, nil
}

func firstOf[C any](c C, errs ...error) (C, error) {
	for _, err := range errs {
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// resolved is a configuration with the changes that the flags make to it.
func resolved[C configuration[C]](o *settings, from func(name string) (C, error)) (C, error) {
	config, err := from(o.preset)
	if err != nil {
		return config, err
	}
	if err := o.change(&config); err != nil {
		return config, err
	}
	return config.Resolve()
}

// begunWith is the configuration of the run in a folder: that of the saved
// state, with which config.yaml must agree, or before the first save
// config.yaml's. ok is false if there is neither.
func begunWith[C configuration[C]](k kind[C], dir string, b train.Begun) (config C, ok bool, err error) {
	read := func(text, path string) (config C, err error) {
		if config, err = k.parse([]byte(text), path); err != nil {
			return config, err
		}
		if config, err = config.Resolve(); err != nil {
			return config, fmt.Errorf("%s: %w", path, err)
		}
		return config, nil
	}
	path, state := filepath.Join(dir, train.ConfigFile), filepath.Join(dir, train.StateFile)
	if b.Saved == nil {
		if b.Config == "" {
			return config, false, nil
		}
		config, err = read(b.Config, path)
		return config, true, err
	}
	text, ok := b.Saved[k.key]
	if !ok {
		return config, false, fmt.Errorf("%s: the run there trains another kind of model (no %s in the metadata)", state, k.key)
	}
	if config, err = read(text, state); err != nil || b.Config == "" {
		return config, true, err
	}
	written, err := read(b.Config, path)
	if err != nil {
		return config, true, fmt.Errorf("%w; delete the file, --resume writes it again", err)
	}
	if err := train.Unchanged(config, written); err != nil {
		return config, true, fmt.Errorf("%s: was changed: %w; delete the file, --resume writes it again", path, err)
	}
	return config, true, nil
}
