package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"scalenet/internal/brief"
)

// Change is a key in which two configurations differ, and both values in YAML.
type Change struct{ Key, Before, After string }

// Difference returns the first key in which two configurations of a type differ, and
// both values in YAML. key is "" if they are equal. An empty list equals a nil list.
func Difference(was, now any) (key, before, after string) {
	list := append(Differences(was, now), Change{})
	return list[0].Key, list[0].Before, list[0].After
}

// Differences returns all keys in which two configurations of a type differ, except the
// given ones.
func Differences(was, now any, except ...string) []Change {
	a, b := node(was), node(now)
	for _, key := range except {
		remove(a, key)
		remove(b, key)
	}
	return differences("", a, b)
}

// Unchanged returns an error that names the first key in which the configuration of a
// run differs from that with which it is resumed. Keys in except may differ.
func Unchanged(was, now any, except ...string) error {
	if list := Differences(was, now, except...); len(list) > 0 {
		return fmt.Errorf("the run has %s = %s, now it is %s", list[0].Key, list[0].Before, list[0].After)
	}
	return nil
}

// remove removes a key, such as train.epochs, if it is there.
func remove(n *yaml.Node, key string) {
	first, rest, nested := strings.Cut(key, ".")
	i := slices.Index(keysOf(n), first)
	switch {
	case i < 0:
	case nested:
		remove(n.Content[2*i+1], rest)
	default:
		n.Content = slices.Delete(n.Content, 2*i, 2*i+2)
	}
}

// node returns a value as YAML.
func node(v any) *yaml.Node {
	var n yaml.Node
	if err := n.Encode(v); err != nil {
		panic(err) // plain structs: cannot fail
	}
	return &n
}

func differences(path string, a, b *yaml.Node) (list []Change) {
	if a != nil && b != nil && a.Kind == yaml.MappingNode && b.Kind == yaml.MappingNode {
		keys := keysOf(a)
		for _, k := range keysOf(b) {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		for _, k := range keys {
			list = append(list, differences(join(path, k), under(a, k), under(b, k))...)
		}
		return list
	}
	if a != nil && b != nil && a.Kind == yaml.SequenceNode && b.Kind == yaml.SequenceNode && len(a.Content) == len(b.Content) {
		for i := range a.Content {
			found := differences(fmt.Sprintf("%s[%d]", path, i), a.Content[i], b.Content[i])
			if len(found) > 0 && a.Content[i].Kind == yaml.ScalarNode { // a short list says more than one of its numbers
				return []Change{{path, flow(a), flow(b)}}
			}
			list = append(list, found...)
		}
		return list
	}
	if x, y := flow(a), flow(b); x != y {
		return []Change{{path, x, y}}
	}
	return nil
}

// keysOf returns the keys of a mapping.
func keysOf(n *yaml.Node) (keys []string) {
	for i := 0; i < len(n.Content); i += 2 {
		keys = append(keys, n.Content[i].Value)
	}
	return keys
}

// under returns the value of a key, nil if missing.
func under(n *yaml.Node, key string) *yaml.Node {
	if i := slices.Index(keysOf(n), key); i >= 0 {
		return n.Content[2*i+1]
	}
	return nil
}

// join returns the path of a key of a mapping.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// flow formats a value on one line, strings in quotes.
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
		if b.Len() > 2*longest { // will be cut in any case
			break
		}
	}
	if mapping {
		return cut("{" + b.String() + "}")
	}
	return cut("[" + b.String() + "]")
}

// longest is the maximum length in bytes of a value in a message.
const longest = 80

// cut shortens a value for a message.
func cut(text string) string { return brief.Cut(text, longest) }
