package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// check returns an error for the first YAML key that is unknown or of the wrong type
// for a configuration, a pointer to a struct. The error names the line if the text
// has several lines.
func check(config any, n *yaml.Node) error {
	c := &checker{root: reflect.TypeOf(config).Elem(), left: maxNodes}
	err := c.value("", n, c.root)
	if err != nil && c.line > 0 {
		return fmt.Errorf("line %d: %w", c.line, err)
	}
	return err
}

// maxNodes is the maximum number of values of a configuration, with aliases
// expanded. The largest network has some hundred rows.
const maxNodes = 200_000

type checker struct {
	root reflect.Type
	left int // number of further values allowed
	line int // line of the current value; 0 if the text is not that of a file
}

// value checks a node against the type of its field.
func (c *checker) value(path string, n *yaml.Node, t reflect.Type) error {
	if c.left--; c.left < 0 {
		return errors.New("has too many values for a configuration")
	}
	c.line = n.Line
	switch n.Kind {
	case yaml.DocumentNode:
		return c.value(path, n.Content[0], t)
	case yaml.AliasNode:
		return c.value(path, n.Alias, t)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return c.text(path, n, t)
	}
	none := n.ShortTag() == "!!null" && n.Kind == yaml.ScalarNode
	switch t.Kind() {
	case reflect.Pointer:
		if none {
			return nil
		}
		return c.value(path, n, t.Elem())
	case reflect.Struct:
		if none { // all keys below are commented out
			return nil
		}
		return c.mapping(path, n, t)
	case reflect.Slice, reflect.Array:
		if none && t.Kind() == reflect.Slice {
			return nil
		}
		return c.list(path, n, t)
	}
	return c.scalar(path, n, t)
}

// text checks a type that reads itself.
func (c *checker) text(path string, n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.ScalarNode {
		return wrong(path, n, "text")
	}
	if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Value)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// mapping checks the keys of a struct and their values.
func (c *checker) mapping(path string, n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.MappingNode {
		return wrong(path, n, "keys such as "+strings.Join(fieldNames(t), ", "))
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		c.line = key.Line
		if key.ShortTag() == "!!merge" { // <<: *anchor
			if err := c.merged(path, value, t); err != nil {
				return err
			}
			continue
		}
		at := join(path, cut(key.Value))
		f, ok := fieldOf(t, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode:
			return wrong(path, n, "keys such as "+strings.Join(fieldNames(t), ", "))
		case !ok:
			return c.unknown(at, path, key.Value, t)
		case seen[key.Value]:
			return fmt.Errorf("%s: occurs twice", at)
		}
		seen[key.Value] = true
		if err := c.value(at, value, f.Type); err != nil {
			return err
		}
	}
	return nil
}

// merged checks what a merge key names: a mapping, or a list of them.
func (c *checker) merged(path string, n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.SequenceNode {
		return c.value(path, n, t)
	}
	for _, m := range n.Content {
		if err := c.value(path, m, t); err != nil {
			return err
		}
	}
	return nil
}

// list checks the elements of a slice or an array.
func (c *checker) list(path string, n *yaml.Node, t reflect.Type) error {
	want := "a list"
	if s, ok := scalarKinds[t.Elem().Kind()]; ok {
		want += " of " + s.many
	}
	if t.Kind() == reflect.Array {
		want += fmt.Sprintf(", %d of them", t.Len())
	}
	if n.Kind != yaml.SequenceNode || t.Kind() == reflect.Array && len(n.Content) != t.Len() {
		return wrong(path, n, want)
	}
	for i, e := range n.Content {
		if err := c.value(fmt.Sprintf("%s[%d]", path, i), e, t.Elem()); err != nil {
			return err
		}
	}
	return nil
}

// scalarKinds are how messages name what a field takes.
var scalarKinds = func() map[reflect.Kind]struct{ one, many string } {
	type names = struct{ one, many string }
	m := map[reflect.Kind]names{
		reflect.Float32: {"a number", "numbers"}, reflect.Float64: {"a number", "numbers"},
		reflect.Bool: {"true or false", "true and false"}, reflect.String: {"text", "texts"},
	}
	for k := reflect.Int; k <= reflect.Int64; k++ {
		m[k] = names{"a whole number", "whole numbers"}
	}
	for k := reflect.Uint; k <= reflect.Uint64; k++ {
		m[k] = names{"a whole number from 0", "whole numbers from 0"}
	}
	return m
}()

// scalar checks a number, text or bool.
func (c *checker) scalar(path string, n *yaml.Node, t reflect.Type) error {
	kind, ok := scalarKinds[t.Kind()]
	if !ok {
		kind.one = "another value"
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return wrong(path, n, kind.one)
	}
	v := reflect.New(t)
	if err := n.Decode(v.Interface()); err != nil {
		return wrong(path, n, kind.one)
	}
	if v.Elem().CanInt() || v.Elem().CanUint() { // the library cuts 1.5 to 1
		var number float64
		if n.ShortTag() == "!!float" && (n.Decode(&number) != nil || number != math.Trunc(number)) {
			return wrong(path, n, kind.one)
		}
	}
	return nil
}

// wrong returns the error of a key with a value of the wrong type.
func wrong(path string, n *yaml.Node, want string) error {
	have := flow(n)
	if n.ShortTag() == "!!null" {
		have = "empty"
	}
	if path == "" {
		return fmt.Errorf("is %s: want %s", have, want)
	}
	return fmt.Errorf("%s is %s: want %s", path, have, want)
}
