package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Merge sets the fields of a configuration, a pointer to a struct, that have keys in
// the YAML text. Errors name the origin of the text, the key, its value and the type
// or the range wanted, of which the tags of [Validate] say those that concern one key. For an unknown key they suggest the nearest known key.
func Merge(config any, text []byte, origin string) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("%s: not YAML: %s", origin, syntaxProblem(err, text))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: has more than one YAML document: want one", origin)
	}
	if err := merge(config, &document, origin); err != nil {
		return err
	}
	if err := checkRanges(config, document.Content[0]); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	return nil
}

// merge decodes a checked node.
func merge(config any, n *yaml.Node, origin string) error {
	if err := check(config, n); err != nil {
		return fmt.Errorf("%s: %w", origin, err)
	}
	if err := n.Decode(config); err != nil {
		return fmt.Errorf("%s: %s", origin, yamlProblem(err))
	}
	return nil
}

// yamlProblem returns the message of the YAML library on one line, without its prefix.
func yamlProblem(err error) string {
	text := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: ")
	return cut(strings.TrimPrefix(text, "unmarshal errors: "))
}

// syntaxProblem is yamlProblem with the line, which the library leaves out if it is the first, and a word on tabs.
func syntaxProblem(err error, text []byte) string {
	problem, lines := yamlProblem(err), bytes.Split(text, []byte("\n"))
	if alone := yaml.Unmarshal(lines[0], new(yaml.Node)); alone != nil && yamlProblem(alone) == problem && !strings.HasPrefix(problem, "line ") {
		problem = "line 1: " + problem
	}
	var line int
	if _, err := fmt.Sscanf(problem, "line %d:", &line); err != nil || line < 1 || line > len(lines) {
		return problem
	}
	if bytes.HasPrefix(bytes.TrimLeft(lines[line-1], " "), []byte("\t")) && (strings.Contains(problem, "start any token") || strings.Contains(problem, "a tab ")) {
		return fmt.Sprintf("line %d: begins with a tab: YAML takes only blanks there", line)
	}
	return problem
}

// Assign sets one value, given as key=value in YAML, such as "train.lr=0.02".
func Assign(config any, assignment string) error {
	key, text, ok := strings.Cut(assignment, "=")
	origin := "--set " + cut(assignment)
	if !ok || key == "" {
		return fmt.Errorf("%s: want key=value, such as train.lr=0.02", origin)
	}
	return AssignFlag(config, key, text, origin)
}

// AssignFlag sets the value of a key to a value in YAML. origin is the flag that gives it.
func AssignFlag(config any, key, text, origin string) error {
	var value yaml.Node
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("%s: the value is not YAML: %s", cut(origin), yamlProblem(err))
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
	return merge(config, n, cut(origin))
}

// unline removes line numbers from a value, because a flag has only one line.
func unline(n *yaml.Node) {
	n.Line = 0
	for _, c := range n.Content {
		unline(c)
	}
}

// Given returns the keys, such as train.lr, to which the YAML text of a configuration
// gives a value that is not a mapping. The text must be one that Merge takes.
func Given(text []byte) (keys []string) {
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil || document.Kind != yaml.DocumentNode {
		return nil
	}
	return given("", document.Content[0], nil)
}

func given(path string, n *yaml.Node, keys []string) []string {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return append(keys, path)
	}
	for i := 0; i < len(n.Content); i += 2 {
		at := join(path, n.Content[i].Value)
		if n.Content[i].ShortTag() == "!!merge" {
			at = path
		}
		keys = given(at, n.Content[i+1], keys)
	}
	return keys
}

// YAML returns a configuration as text for Merge.
func YAML(config any) string {
	data, err := yaml.Marshal(config)
	if err != nil {
		panic(err) // plain structs: cannot fail
	}
	return string(data)
}
