package config

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Presets are named configurations of a type.
type Presets[C any] struct {
	// Default returns the configuration that every preset changes.
	Default func() C
	// Built are presets made by functions, in the order of Names.
	Built []Built[C]
	// Files has a folder presets, in which NAME.yaml has the changes of preset NAME to the default.
	Files fs.FS
}

// Built is a preset made by a function.
type Built[C any] struct {
	Name string
	Make func() C
}

// Names returns the names of the presets.
func (p Presets[C]) Names() (names []string) {
	for _, b := range p.Built {
		names = append(names, b.Name)
	}
	files, err := fs.Glob(p.Files, "presets/*.yaml")
	if err != nil {
		panic(err) // a constant pattern: cannot fail
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yaml"))
	}
	return names
}

// Get returns a preset by its name.
func (p Presets[C]) Get(name string) (C, error) {
	for _, b := range p.Built {
		if b.Name == name {
			return b.Make(), nil
		}
	}
	c := p.Default()
	data, err := fs.ReadFile(p.Files, path.Join("presets", name+".yaml"))
	if err != nil {
		return c, fmt.Errorf("preset %q: want one of %s", name, strings.Join(p.Names(), ", "))
	}
	return c, Merge(&c, data, "preset "+name)
}
