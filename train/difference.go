package train

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"scalenet/checkpoint"
	"scalenet/internal/brief"
)

// Difference names the first key in which two configurations of a type differ,
// and both values in YAML; key is "" if they are the same. An empty list is the
// same as none.
func Difference(was, now any) (key, before, after string) {
	return difference("", node(was), node(now))
}

// Unchanged is an error that names the first key in which a run's configuration
// differs from the one that it is to be resumed with.
func Unchanged(was, now any) error {
	if key, before, after := Difference(was, now); key != "" {
		return fmt.Errorf("the run has %s = %s, now it is %s: a run is resumed as it was", key, before, after)
	}
	return nil
}

// Resumable is an error when a run that is resumed has another configuration or
// other classes than its saved metadata say. The configuration is under a key
// of the metadata, and parse reads it.
func Resumable[C interface{ Resolve() (C, error) }](metadata map[string]string, key string, parse func(text []byte, origin string) (C, error), now C, classes []string) error {
	text, ok := metadata[key]
	if !ok {
		return fmt.Errorf("no %s in the metadata: is it the state of another kind of model?", key)
	}
	was, err := parse([]byte(text), "metadata "+key)
	if err != nil {
		return err
	}
	if was, err = was.Resolve(); err != nil {
		return fmt.Errorf("metadata %s: %w", key, err)
	}
	names, err := checkpoint.Classes(metadata)
	if err != nil {
		return err
	}
	return cmp.Or(unchangedClasses(names, classes), Unchanged(was, now))
}

// unchangedClasses is an error that names the first class that is another one.
func unchangedClasses(was, now []string) error {
	for i := range min(len(was), len(now)) {
		if was[i] != now[i] {
			return fmt.Errorf("class %d of the run is %s, now it is %s: a run is resumed with the same classes in the same order",
				i+1, cut(fmt.Sprintf("%q", was[i])), cut(fmt.Sprintf("%q", now[i])))
		}
	}
	if len(was) != len(now) {
		return fmt.Errorf("the run has %d classes, now there are %d: a run is resumed with the same classes in the same order", len(was), len(now))
	}
	return nil
}

// node is a value as YAML.
func node(v any) *yaml.Node {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		panic(err) // plain structs: cannot fail
	}
	return &n
}

func difference(path string, a, b *yaml.Node) (key, before, after string) {
	if a != nil && b != nil && a.Kind == yaml.MappingNode && b.Kind == yaml.MappingNode {
		for _, k := range append(keysOf(a), keysOf(b)...) {
			if key, before, after := difference(join(path, k), under(a, k), under(b, k)); key != "" {
				return key, before, after
			}
		}
		return "", "", ""
	}
	if a != nil && b != nil && a.Kind == yaml.SequenceNode && b.Kind == yaml.SequenceNode && len(a.Content) == len(b.Content) {
		for i := range a.Content {
			key, before, after := difference(fmt.Sprintf("%s[%d]", path, i), a.Content[i], b.Content[i])
			if key == "" {
				continue
			}
			if a.Content[i].Kind == yaml.ScalarNode { // a short list says more than one of its numbers
				return path, flow(a), flow(b)
			}
			return key, before, after
		}
		return "", "", ""
	}
	if x, y := flow(a), flow(b); x != y {
		return path, x, y
	}
	return "", "", ""
}

// keysOf are the keys of a mapping.
func keysOf(n *yaml.Node) (keys []string) {
	for i := 0; i < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
}

// under is the value of a key; nil without it.
func under(n *yaml.Node, key string) *yaml.Node {
	if i := slices.Index(keysOf(n), key); i >= 0 {
		return n.Content[2*i+1]
	}
	return nil
}

// join is the path of a key of a mapping.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// flow is a value in a line, strings in quotes.
func flow(n *yaml.Node) string {
	switch {
	case n == nil || n.ShortTag() == "!!null" || n.Kind == yaml.SequenceNode && len(n.Content) == 0:
		return "none"
	case n.ShortTag() == "!!str":
		return cut(fmt.Sprintf("%q", n.Value))
	case n.Kind == yaml.ScalarNode:
		return cut(n.Value)
	}
	var b strings.Builder
	mapping := n.Kind == yaml.MappingNode
	for i, c := range n.Content {
		switch {
		case mapping && i%2 == 1:
			b.WriteString(": ")
		case i > 0:
			b.WriteString(", ")
		}
		if mapping && i%2 == 0 {
			b.WriteString(c.Value)
		} else {
			b.WriteString(flow(c))
		}
		if b.Len() > 2*longest { // is cut in any case
			break
		}
	}
	if mapping {
		return cut("{" + b.String() + "}")
	}
	return cut("[" + b.String() + "]")
}

// longest is the length in bytes of a value in a message.
const longest = 80

// cut shortens a value for a message.
func cut(text string) string { return brief.Cut(text, longest) }
