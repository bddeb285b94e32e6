package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/internal/config"
	"scalenet/train"
)

// auditSettingsFile is in the folder of an audit that trains models.
const auditSettingsFile = "audit.yaml"

// auditSettings are the settings of the trainings, which all parts have in common.
type auditSettings struct {
	Parts  int            `yaml:"parts"`
	Budget train.Duration `yaml:"budget"`
	Config map[string]any `yaml:"config"` // the keys that --config gives
}

// settings returns the settings of the flags. --config must have the keys of a detector.
func (o *auditModels) settings() (auditSettings, error) {
	s := auditSettings{Parts: o.parts, Budget: train.Duration(o.budget)}
	if o.config == "" {
		return s, nil
	}
	text, err := readConfig(o.config)
	if err != nil {
		return s, err
	}
	if err := config.Merge(new(detector.Config), text, o.config); err != nil {
		return s, err
	}
	return s, yaml.Unmarshal(text, &s.Config)
}

// keepSettings writes the settings into the folder of an audit. If a training has saved anything there, they must be those with which it was begun.
func (o *auditModels) keepSettings(out string) error {
	now, err := o.settings()
	if err != nil {
		return err
	}
	path, first := filepath.Join(out, auditSettingsFile), filepath.Join(out, auditPart(0))
	begun := exists(filepath.Join(first, auditRun, train.StateFile)) || exists(filepath.Join(first, auditFound))
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && begun: // by an earlier version
		return fmt.Errorf("%s: does not exist, so the settings of %s are not known: choose another --out", path, first)
	case errors.Is(err, fs.ErrNotExist):
		return now.write(path)
	case err != nil:
		return err
	}
	var was auditSettings
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if d.Decode(&was) != nil {
		return fmt.Errorf("%s: is not a file that an audit wrote: choose another --out", path)
	}
	if !begun {
		return now.write(path)
	}
	if key, before, after := config.Difference(was, now); key != "" {
		return fmt.Errorf("%s: the audit was begun with %s = %s, now it is %s: give the same, or choose another --out", path, key, before, after)
	}
	return nil
}

func (s auditSettings) write(path string) error {
	text, err := yaml.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
