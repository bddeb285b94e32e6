package coco

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yoloFile is data.yaml. Other keys are skipped.
type yoloFile struct {
	Path       string     `yaml:"path"` // folder that the splits are relative to; default the file's own
	Train      stringList `yaml:"train"`
	Val        stringList `yaml:"val"`
	Validation stringList `yaml:"validation"` // another name of val
	Test       stringList `yaml:"test"`
	Names      classNames `yaml:"names"`
	Count      *int       `yaml:"nc"`
	Keypoints  []int      `yaml:"kpt_shape"` // number of keypoints, values of each

	keypoints int // values behind the box in a line
}

// stringList is a string or a list of strings.
type stringList []string

func (l *stringList) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		if node.Tag == "!!null" {
			return nil
		}
		*l = stringList{node.Value}
		return nil
	}
	return node.Decode((*[]string)(l))
}

// classNames are a list, or a mapping from 0, 1, ... to names.
type classNames []string

func (c *classNames) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return node.Decode((*[]string)(c))
	}
	var byNumber map[int]string
	if err := node.Decode(&byNumber); err != nil {
		return err
	}
	*c = make(classNames, len(byNumber))
	for i := range *c {
		name, ok := byNumber[i]
		if !ok {
			return fmt.Errorf("line %d: %d names without one for class %d", node.Line, len(byNumber), i)
		}
		(*c)[i] = name
	}
	return nil
}

// readYOLOFile reads data.yaml.
func readYOLOFile(path string) (*yoloFile, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxAnnotationFile {
		return nil, fmt.Errorf("%s: more than %d bytes", path, maxAnnotationFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("data set: %w", err)
	}
	f, err := parseYOLOFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

func parseYOLOFile(text []byte) (*yoloFile, error) {
	var f yoloFile
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Names == nil && f.Count != nil {
		if *f.Count < 0 || *f.Count > 1<<16 {
			return nil, fmt.Errorf("nc: %d classes", *f.Count)
		}
		for i := range *f.Count {
			f.Names = append(f.Names, fmt.Sprintf("class_%d", i))
		}
	}
	if len(f.Names) == 0 {
		return nil, errors.New("names: missing, this is no YOLO data set")
	}
	if f.Count != nil && *f.Count != len(f.Names) {
		return nil, fmt.Errorf("nc: %d, and there are %d names", *f.Count, len(f.Names))
	}
	seen := make(map[string]int, len(f.Names))
	for i, name := range f.Names {
		if first, ok := seen[name]; ok {
			return nil, fmt.Errorf("names: classes %d and %d are both %q", first, i, name)
		}
		seen[name] = i
	}
	if f.Val == nil {
		f.Val = f.Validation
	}
	if f.Keypoints != nil {
		if len(f.Keypoints) != 2 || f.Keypoints[0] < 1 || f.Keypoints[0] > 1<<16 || f.Keypoints[1] < 2 || f.Keypoints[1] > 3 {
			return nil, fmt.Errorf("kpt_shape: %v, want a number of keypoints and 2 or 3", f.Keypoints)
		}
		f.keypoints = f.Keypoints[0] * f.Keypoints[1]
	}
	return &f, nil
}

// splits are the keys of pictures that the file has.
func (f *yoloFile) splits() []string {
	return slices.DeleteFunc([]string{"train", "val", "test"}, func(name string) bool { return len(f.sources(name)) == 0 })
}

func (f *yoloFile) sources(split string) []string {
	switch split {
	case "train":
		return f.Train
	case "val":
		return f.Val
	case "test":
		return f.Test
	}
	return nil
}

// root is the folder that the splits are relative to. A "path" of another machine, which is not here, is as if left out.
func (f *yoloFile) root(dir string) string {
	path := filepath.FromSlash(f.Path)
	if path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	if path == "" || !isDir(path) {
		return dir
	}
	return path
}

// resolve is where an entry of a split is. Roboflow writes "../train/images" for a folder beside data.yaml.
func (f *yoloFile) resolve(root, entry string) string {
	entry = filepath.FromSlash(entry)
	if filepath.IsAbs(entry) {
		return entry
	}
	path := filepath.Join(root, entry)
	if _, err := os.Stat(path); err != nil {
		if rest, ok := strings.CutPrefix(entry, filepath.FromSlash("../")); ok {
			return filepath.Join(root, rest)
		}
	}
	return path
}
