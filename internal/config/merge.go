package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Merge changes the fields of a configuration, a pointer to a struct, that YAML
// text has keys for. An error names the text's origin, the key, its value and
// what is wanted; of an unknown key, the nearest known one.
func Merge(config any, text []byte, origin string) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("%s: not YAML: %s", origin, yamlProblem(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: has more than one YAML document: want one", origin)
	}
	return merge(config, &document, origin)
}

// merge decodes a node that was found to fit.
func merge(config any, n *yaml.Node, origin string) error {
	if err := check(config, n); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	if err := n.Decode(config); err != nil {
		return fmt.Errorf("%s: %s", origin, yamlProblem(err))
	}
	return nil
}

// yamlProblem is what the YAML library says, in a line without its name.
func yamlProblem(err error) string {
	text := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: ")
	return cut(strings.TrimPrefix(text, "unmarshal errors: "))
}

// MergeFile is Merge of a file's text.
func MergeFile(config any, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return Merge(config, text, path)
}

// Assign changes one value: "train.lr=0.02", the value in YAML.
func Assign(config any, assignment string) error {
	key, text, ok := strings.Cut(assignment, "=")
	origin := "--set " + cut(assignment)
	if !ok || key == "" {
		return fmt.Errorf("%s: want key=value, such as train.lr=0.02", origin)
	}
	var value yaml.Node
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("%s: the value is not YAML: %s", origin, yamlProblem(err))
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	if value.Kind == yaml.DocumentNode {
		n = value.Content[0]
		unline(n)
	}
	keys := strings.Split(key, ".")
	slices.Reverse(keys)
	for _, k := range keys {
		n = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(k)}, n}}
	}
	return merge(config, n, origin)
}

// unline forgets the lines of a value: that of a flag has one.
func unline(n *yaml.Node) {
	n.Line = 0
	for _, c := range n.Content {
		unline(c)
	}
}

// YAML is a configuration as text that Merge reads.
func YAML(config any) string {
	data, err := yaml.Marshal(config)
	if err != nil {
		panic(err) // plain structs: cannot fail
	}
	return string(data)
}
