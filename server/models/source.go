package models

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
)

// Source is the name and the file of a model.
type Source struct{ Name, Path string }

// Skipped is a file in a folder that is not a detector. Reason says what it is.
type Skipped struct{ Path, Reason string }

// Sources parses the values of --model. Each is one of
//
//   - NAME=FILE
//   - FILE, which has the name of the file without extension
//   - a folder, whose .safetensors files are models
//
// A value is a path even with "=" in it if the path exists, or if a path separator is
// before the first "=". In a folder, hidden files are ignored. Files that are not
// detectors according to their metadata, such as the state of a training run, are
// skipped and returned. Duplicate names are an error.
func Sources(values []string) (sources []Source, skipped []Skipped, err error) {
	for _, v := range values {
		name, path, err := splitName(v)
		if err != nil {
			return nil, nil, err
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("--model %s: %w", v, err)
		case !info.IsDir():
			sources = append(sources, Source{cmp.Or(name, baseName(path)), path})
			continue
		case name != "":
			return nil, nil, fmt.Errorf("--model %s: a folder cannot be named, because each of its models has the name of its file", v)
		}
		inFolder, skippedInFolder, err := folderSources(path)
		if err != nil {
			return nil, nil, err
		}
		sources, skipped = append(sources, inFolder...), append(skipped, skippedInFolder...)
	}
	return sources, skipped, checkNames(sources)
}

// splitName splits a value of --model. The name is "" if the value has none.
func splitName(value string) (name, path string, err error) {
	name, path, named := strings.Cut(value, "=")
	_, err = os.Stat(value)
	switch {
	case err == nil, named && strings.ContainsRune(name, filepath.Separator), value != "" && !named:
		return "", value, nil
	case name == "" || path == "":
		return "", "", fmt.Errorf("--model %q: want FILE, NAME=FILE or FOLDER", value)
	}
	return name, path, nil
}

// folderSources returns the models of a folder, sorted by file name. It does not use
// filepath.Glob, because the name of the folder may contain pattern characters.
func folderSources(folder string) (sources []Source, skipped []Skipped, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".safetensors" {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if reason := notDetector(path); reason != "" {
			skipped = append(skipped, Skipped{path, reason})
			continue
		}
		sources = append(sources, Source{baseName(path), path})
	}
	switch {
	case len(sources) > 0:
		return sources, skipped, nil
	case len(skipped) > 0:
		return nil, nil, fmt.Errorf("%s: none of the folder's %d .safetensors files is a detector; %s is %s", folder, len(skipped), skipped[0].Path, skipped[0].Reason)
	}
	return nil, nil, fmt.Errorf("%s: no .safetensors files in the folder", folder)
}

// notDetector returns what a file is if it is not a detector, otherwise "". It also
// returns "" for a file that cannot be read: loading it reports the error.
func notDetector(path string) (reason string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "a folder"
	}
	r, err := checkpoint.Open(path)
	if err != nil {
		return ""
	}
	defer r.Close()
	has := func(key string) bool { _, ok := r.Metadata()[key]; return ok }
	switch {
	case has(checkpoint.StateKey):
		return "the state of a training run, not a model"
	case has(checkpoint.DetectorKey):
		return ""
	case has(checkpoint.ClassifierKey):
		return "a classifier, not a detector"
	}
	return "a file without a detector's configuration in its metadata"
}

func checkNames(sources []Source) error {
	seen := map[string]string{}
	for _, s := range sources {
		if other, ok := seen[s.Name]; ok {
			return fmt.Errorf("two models are called %q: %s and %s; name one, as in NAME=%s", s.Name, other, s.Path, s.Path)
		}
		if strings.ContainsAny(s.Name, "/?#% ") || s.Name == "" {
			return fmt.Errorf("model name %q: it is part of URLs, so it cannot have blanks, /, ?, # or %%; name it, as in NAME=%s", s.Name, s.Path)
		}
		seen[s.Name] = s.Path
	}
	return nil
}

func baseName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}
