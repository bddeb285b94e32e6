package coco

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxYOLOClasses limits the number of classes given by "nc" alone.
const maxYOLOClasses = 1 << 16

// classNames returns the names of classes 0, 1, ... "names" is a list, or a mapping from class numbers. With only the number of
// classes ("nc") the names are class_0, class_1, ... A name is the text in the file, even if YAML would read it as another type
// (null, 1, yes).
func classNames(names, count *yaml.Node) (list []string, err error) {
	nc, counted, err := yamlInt(count)
	if err != nil {
		return nil, inField("nc", err)
	}
	switch names = target(names); {
	case names.Kind == yaml.MappingNode:
		list, err = mappedNames(names)
	case names.Kind == yaml.SequenceNode:
		for i, item := range names.Content {
			name, err := className(item)
			if err != nil {
				return nil, fmt.Errorf("names[%d]: %w", i, err)
			}
			list = append(list, name)
		}
	case names.Kind == 0 || names.Tag == "!!null":
		if !counted {
			return nil, errors.New("names: missing, this is not a YOLO data set")
		}
		list, err = numberedNames(nc)
	default:
		err = fmt.Errorf("names: line %d: %s where a list or a mapping was expected", names.Line, describe(names))
	}
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0:
		return nil, errors.New("names: missing, this is not a YOLO data set")
	case counted && nc != len(list):
		return nil, fmt.Errorf("nc: %d, and there are %d names", nc, len(list))
	}
	if err := namedOnce(list); err != nil {
		return nil, inField("names", err)
	}
	return list, nil
}

// namedOnce returns an error if two classes have the same name.
func namedOnce(list []string) error {
	first := make(map[string]int, len(list))
	for i, name := range list {
		if other, ok := first[name]; ok {
			return fmt.Errorf("classes %d and %d are both %s", other, i, cut(name))
		}
		first[name] = i
	}
	return nil
}

// className returns the text of an entry.
func className(node *yaml.Node) (string, error) {
	node = target(node)
	switch {
	case node.Kind != yaml.ScalarNode:
		return "", fmt.Errorf("line %d: %s where a name was expected", node.Line, describe(node))
	case node.Tag == "!!null":
		return "null", nil
	}
	return node.Value, nil
}

// mappedNames returns the names of a mapping from 0, 1, ...
func mappedNames(node *yaml.Node) ([]string, error) {
	n := len(node.Content) / 2
	byNumber := make(map[int]string, n)
	for k := 0; k < len(node.Content); k += 2 {
		key := target(node.Content[k])
		class, there, err := yamlInt(key)
		switch {
		case err != nil || !there || class < 0:
			return nil, fmt.Errorf("names: line %d: %s where the number of a class was expected", key.Line, describe(key))
		case class >= n:
			return nil, fmt.Errorf("names: line %d: %d names, one for class %d, without one for class %d", key.Line, n, class, gap(node, n))
		}
		if other, ok := byNumber[class]; ok {
			return nil, fmt.Errorf("names: line %d: class %d already exists, as %s", key.Line, class, cut(other))
		}
		if byNumber[class], err = className(node.Content[k+1]); err != nil {
			return nil, fmt.Errorf("names[%d]: %w", class, err)
		}
	}
	list := make([]string, n)
	for i := range list {
		list[i] = byNumber[i]
	}
	return list, nil
}

// gap returns the first class from 0 that a mapping has no name for.
func gap(node *yaml.Node, n int) int {
	has := make([]bool, n)
	for k := 0; k < len(node.Content); k += 2 {
		if class, _, err := yamlInt(node.Content[k]); err == nil && class >= 0 && class < n {
			has[class] = true
		}
	}
	for i, ok := range has {
		if !ok {
			return i
		}
	}
	return n
}

func numberedNames(n int) ([]string, error) {
	if n < 0 || n > maxYOLOClasses {
		return nil, fmt.Errorf("nc: %d classes", n)
	}
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("class_%d", i)
	}
	return list, nil
}
