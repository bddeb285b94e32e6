package coco

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxYOLOFile limits the size of data.yaml, in bytes. Parsing YAML takes up to 170 times that in memory.
const maxYOLOFile = 2 << 20

// yoloFile is data.yaml. Other keys are skipped.
type yoloFile struct {
	Path             string // folder that the splits are relative to; default the file's own
	Train, Val, Test []string
	Names            []string

	keypoints int // values after the box in a line
}

// yoloKeys are the keys of data.yaml that are read.
type yoloKeys struct {
	Path       yaml.Node `yaml:"path"`
	Train      yaml.Node `yaml:"train"`
	Val        yaml.Node `yaml:"val"`
	Validation yaml.Node `yaml:"validation"` // another name of val
	Test       yaml.Node `yaml:"test"`
	Names      yaml.Node `yaml:"names"`
	Count      yaml.Node `yaml:"nc"`
	Keypoints  yaml.Node `yaml:"kpt_shape"` // number of keypoints, values of each
}

// readYOLOFile reads data.yaml.
func readYOLOFile(path string) (*yoloFile, error) {
	text, err := readText(path, maxYOLOFile)
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
	if !utf8.Valid(text) {
		return nil, errors.New("this is not UTF-8: save the file as UTF-8")
	}
	var root yaml.Node
	err := yaml.Unmarshal(text, &root)
	if err != nil {
		return nil, yamlError(err)
	}
	if root.Kind == 0 {
		return nil, errors.New("names: missing, this is not a YOLO data set")
	}
	if top := root.Content[0]; top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("yaml: line %d: %s where a mapping with train, val and names was expected", top.Line, describe(top))
	}
	var keys yoloKeys
	if err := root.Decode(&keys); err != nil {
		return nil, yamlError(err)
	}
	var f yoloFile
	if f.Path, err = yamlString(&keys.Path); err != nil {
		return nil, inField("path", err)
	}
	for _, split := range []struct {
		name  string
		node  *yaml.Node
		paths *[]string
	}{{"train", &keys.Train, &f.Train}, {"validation", &keys.Validation, &f.Val}, {"val", &keys.Val, &f.Val}, {"test", &keys.Test, &f.Test}} {
		paths, err := yamlPaths(split.node)
		if err != nil {
			return nil, inField(split.name, err)
		}
		if paths != nil {
			*split.paths = paths
		}
	}
	if f.Names, err = classNames(&keys.Names, &keys.Count); err != nil {
		return nil, err
	}
	if f.keypoints, err = keypoints(&keys.Keypoints); err != nil {
		return nil, inField("kpt_shape", err)
	}
	return &f, nil
}

// yamlError returns the error of the YAML library on one line.
func yamlError(err error) error {
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		return fmt.Errorf("yaml: %.200s", typed.Errors[0])
	}
	return fmt.Errorf("%.200s", err.Error())
}

// yamlString returns the text of a scalar, "" for null or a missing node.
func yamlString(node *yaml.Node) (string, error) {
	switch node = target(node); {
	case node.Kind == 0 || node.Tag == "!!null":
		return "", nil
	case node.Kind != yaml.ScalarNode:
		return "", fmt.Errorf("line %d: %s where a text was expected", node.Line, describe(node))
	}
	return node.Value, nil
}

// yamlPaths returns a path or a list of paths.
func yamlPaths(node *yaml.Node) (paths []string, err error) {
	node = target(node)
	if node.Kind != yaml.SequenceNode {
		path, err := yamlString(node)
		if path == "" || err != nil {
			return nil, err
		}
		return []string{path}, nil
	}
	for i, item := range node.Content {
		path, err := yamlString(item)
		if err == nil && path == "" {
			err = fmt.Errorf("line %d: no path", item.Line)
		}
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", i, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// yamlInt returns a whole number. ok is false if the node is null.
func yamlInt(node *yaml.Node) (n int, there bool, err error) {
	text, err := yamlString(node)
	if text == "" || err != nil {
		return 0, false, err
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > 1<<30 {
		return 0, false, fmt.Errorf("%s is not a whole number", cut(text))
	}
	return int(v), true, nil
}

// target resolves an alias.
func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// describe returns the kind of a node, and its value if that is short.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return cut(node.Value)
}

// keypoints returns the number of values after the box in a line.
func keypoints(node *yaml.Node) (int, error) {
	node = target(node)
	if node.Kind == 0 || node.Tag == "!!null" {
		return 0, nil
	}
	var shape []int
	for _, item := range node.Content {
		n, _, err := yamlInt(item)
		if err != nil {
			return 0, err
		}
		shape = append(shape, n)
	}
	if node.Kind != yaml.SequenceNode || len(shape) != 2 || shape[0] < 1 || shape[0] > 1<<16 || shape[1] < 2 || shape[1] > 3 {
		return 0, fmt.Errorf("%v, want a number of keypoints and 2 or 3", shape[:min(len(shape), 9)])
	}
	return shape[0] * shape[1], nil
}

// splits returns the splits that the file has.
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

// absent returns the splits of which no folder and no list exists.
func (f *yoloFile) absent(root string) []string {
	return slices.DeleteFunc(f.splits(), func(name string) bool {
		return slices.ContainsFunc(f.sources(name), func(entry string) bool { return exists(f.resolve(root, entry)) })
	})
}

// root returns the folder that the splits are relative to. A "path" that does not exist, such as one of another machine, is ignored.
func (f *yoloFile) root(dir string) string {
	for _, path := range spellings(f.Path) {
		if at := within(dir, path); isDir(at) {
			return at
		}
	}
	return dir
}

// resolve returns the path of an entry of a split. Roboflow writes "../train/images" for a folder next to data.yaml. Ultralytics
// resolves a relative "path" in the current folder.
func (f *yoloFile) resolve(root, entry string) string {
	for _, path := range spellings(entry) {
		if at := within(root, path); exists(at) {
			return at
		}
		if rest, ok := strings.CutPrefix(path, filepath.FromSlash("../")); ok && exists(filepath.Join(root, rest)) {
			return filepath.Join(root, rest)
		}
		for _, folder := range spellings(f.Path) {
			if at := within(folder, path); exists(at) {
				return fromHere(at)
			}
		}
	}
	return within(root, filepath.FromSlash(entry))
}

// spellings returns a path, and if it has backslashes, as on Windows, also the path with slashes.
func spellings(path string) []string {
	if path == "" {
		return nil
	}
	list := []string{filepath.FromSlash(path)}
	if slashed := filepath.FromSlash(strings.ReplaceAll(path, `\`, "/")); slashed != list[0] {
		list = append(list, slashed)
	}
	return list
}

// within returns path in folder. An absolute path is returned unchanged.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
