package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"scalenet/internal/config"
	"scalenet/train"
)

// configuration is the configuration of a detector or a classifier, resolved from
// a preset, a file and --set.
type configuration[C any] interface {
	Resolve() (C, error)
	YAML() string
}

// kind says how the configurations of one kind of model are read.
type kind[C configuration[C]] struct {
	key    string // of a file's metadata
	preset func(name string) (C, error)
	parse  func(text []byte, origin string) (C, error)
}

// wrote reports whether text is a complete configuration, as a run writes it.
func (k kind[C]) wrote(text string) bool {
	config, err := k.parse([]byte(text), train.ConfigFile)
	if err == nil {
		config, err = config.Resolve()
	}
	return err == nil && config.YAML() == text
}

// configure returns the configuration of a new run. For a resumed run, settings that
// are not given are taken from the run, and given settings must equal the run's, apart
// from those that a run can go on with.
func configure[C configuration[C]](c *cobra.Command, o *settings, k kind[C], dir string, resume bool, b train.Begun, anew func() (C, error)) (C, error) {
	if !resume {
		return anew()
	}
	was, ok, err := begunWith(k, dir, b)
	if err != nil {
		return was, err
	}
	if !ok {
		return anew()
	}
	from := func(string) (C, error) { return was, nil }
	if c.Flags().Changed("preset") {
		from = k.preset
	}
	asked, err := resolved(o, from)
	if err != nil {
		return asked, err
	}
	if err := train.Continues(was, asked, "train."); err != nil {
		return asked, fmt.Errorf("%s: %w", dir, err)
	}
	return asked, nil
}

// resolved returns a configuration with the changes of the flags applied.
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

// begunWith returns the configuration of the run in a folder. It is read from the
// saved state, with which config.yaml must agree, or from config.yaml before the
// first save. ok is false if the folder has neither.
func begunWith[C configuration[C]](k kind[C], dir string, b train.Begun) (saved C, ok bool, err error) {
	read := func(text, path string) (saved C, err error) {
		if saved, err = k.parse([]byte(text), path); err != nil {
			return saved, err
		}
		if saved, err = saved.Resolve(); err != nil {
			return saved, fmt.Errorf("%s: %w", path, err)
		}
		return saved, nil
	}
	path, state := filepath.Join(dir, train.ConfigFile), filepath.Join(dir, train.StateFile)
	if b.Saved == nil {
		if b.Config == "" {
			return saved, false, nil
		}
		saved, err = read(b.Config, path)
		return saved, true, err
	}
	text, ok := b.Saved[k.key]
	if !ok {
		return saved, false, fmt.Errorf("%s: belongs to a run of another kind of model (no %s in the metadata)", state, k.key)
	}
	if saved, err = read(text, state); err != nil || b.Config == "" {
		return saved, true, err
	}
	written, err := read(b.Config, path)
	if err != nil {
		return saved, true, fmt.Errorf("%w; delete the file, --resume writes it again", err)
	}
	if err := config.Unchanged(saved, written); err != nil {
		return saved, true, fmt.Errorf("%s: was changed: %w; delete the file, --resume writes it again", path, err)
	}
	return saved, true, nil
}
