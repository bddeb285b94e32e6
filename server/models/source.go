package models

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
)

// Source is a model's name and its file.
type Source struct{ Name, Path string }

// Skipped is a file of a folder that is no detector, and what it is instead.
type Skipped struct{ Path, Reason string }

// Sources reads the values of --model: NAME=FILE, FILE, whose name is the
// file's, or a folder, whose .safetensors files are models. A value that exists
// as a path is a path, whatever = it has, and so is one with a separator before
// the first =. In a folder, hidden files (temporary ones) are passed over, and
// files whose metadata says that they are no detectors, such as the state of a
// training run, are skipped and listed. Two models of one name are an error.
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
			return nil, nil, fmt.Errorf("--model %s: a folder has no name: its models have their files'", v)
		}
		found, passed, err := folderSources(path)
		if err != nil {
			return nil, nil, err
		}
		sources, skipped = append(sources, found...), append(skipped, passed...)
	}
	return sources, skipped, checkNames(sources)
}

// splitName takes a value of --model apart; the name is "" where it has none.
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

// folderSources are the models of a folder, in the order of their names. It
// goes by the names as they are: a folder's may have characters of patterns.
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

// notDetector says what a file is that surely is no detector. A file that
// cannot be read may be one: loading it tells what is wrong with it.
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
			return fmt.Errorf("model name %q: it is part of addresses: no blanks, /, ?, # or %%; name it, as in NAME=%s", s.Name, s.Path)
		}
		seen[s.Name] = s.Path
	}
	return nil
}

func baseName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}
