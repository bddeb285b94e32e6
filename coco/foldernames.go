package coco

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// namesClasses reports whether a file has class names, by its own name: classes.txt (LabelImg), obj.names (darknet),
// _darknet.labels (Roboflow) or data.yaml.
func namesClasses(file string) bool {
	name := strings.ToLower(filepath.Base(file))
	switch name {
	case "classes.txt", "data.yaml", "data.yml", "_darknet.labels":
		return true
	}
	return filepath.Ext(name) == ".names"
}

// classes returns the class names for label files. All files that have names must have the same.
func (f *folder) classes() (*yoloFile, error) {
	var all *yoloFile
	for i, name := range f.names {
		file, err := readNames(f.path(name))
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = file
		}
		if !slices.Equal(all.Names, file.Names) {
			return nil, fmt.Errorf("%s: the classes are %s, and in %s %s: the numbers in label files need the same names everywhere, remove or mend one of the files",
				f.path(f.names[0]), cutList(all.Names), f.path(f.names[i]), cutList(file.Names))
		}
		all.keypoints = max(all.keypoints, file.keypoints)
	}
	if all == nil {
		return nil, fmt.Errorf("%s: label files such as %s have class numbers, and no file has the names: write them to %s, one per line, that of class 0 first",
			f.dir, cut(f.example), f.path("classes.txt"))
	}
	return all, nil
}

// readNames reads a file with class names.
func readNames(path string) (*yoloFile, error) {
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".yaml" || ext == ".yml" {
		return readYOLOFile(path)
	}
	text, err := readText(path, maxYOLOFile)
	if err != nil {
		return nil, fmt.Errorf("class names: %w", err)
	}
	names, err := parseNames(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &yoloFile{Names: names}, nil
}

// parseNames reads one class name per line. Blank lines are left out at the end only, because class numbers count lines.
func parseNames(text string) (names []string, err error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("this is not UTF-8: save the file as UTF-8")
	}
	for line := range strings.Lines(text) {
		names = append(names, strings.TrimSpace(line))
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	if len(names) == 0 {
		return nil, errors.New("no class names in it, want one per line")
	}
	if at := slices.Index(names, ""); at >= 0 {
		return nil, fmt.Errorf("line %d: no name for class %d", at+1, at)
	}
	return names, namedOnce(names)
}
