package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"scalenet/detector/published/zoo"
	"scalenet/internal/spelling"
)

func modelNames(models []zoo.Model) (names []string) {
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// findModel returns the model of a name. The error for an unknown one suggests the names that contain it, or the nearest.
func findModel(models []zoo.Model, name string) (zoo.Model, error) {
	names := modelNames(models)
	var near []string
	for i, m := range models {
		if m.Name == name {
			return m, nil
		}
		if name != "" && strings.Contains(m.Name, strings.ToLower(name)) {
			near = append(near, strconv.Quote(names[i]))
		}
	}
	const most = 5
	suggestion := spelling.DidYouMean(name, names, strconv.Quote)
	if len(near) > 0 && len(near) <= most {
		suggestion = "; did you mean " + spelling.Alternatives(near) + "?"
	}
	return zoo.Model{}, fmt.Errorf("unknown model %q (scalenet pull lists the names)%s", shortened(name), suggestion)
}

// pullHint adds to the error of a model file that does not exist how to get it, if one of paths has the name of a published model.
func pullHint(err error, paths ...string) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, path := range paths {
		if _, statErr := os.Stat(path); statErr == nil {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(path), ".safetensors")
		if _, unknown := findModel(zoo.Models(), name); unknown != nil {
			continue
		}
		pulled := filepath.Join(modelsFolder, name+".safetensors")
		if _, statErr := os.Stat(pulled); statErr == nil {
			return fmt.Errorf("%w; did you mean %s?", err, pulled)
		}
		return fmt.Errorf("%w; scalenet pull %s downloads it to %s", err, name, pulled)
	}
	return err
}
