package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// checkRanges returns an error for the first value of a YAML text that breaks the tag of its field in config, a pointer to a struct that has the values.
// It names the line.
func checkRanges(config any, n *yaml.Node) error {
	v, keys := reflect.ValueOf(config).Elem(), given("", n, nil)
	if err := checkFields(v.Interface(), "", n, keys); err != nil {
		return err
	}
	for f := range v.Type().Fields() {
		if name := fieldName(f); name != "" && f.Type.Kind() == reflect.Struct && f.Tag.Get("validate") == "-" { // has a Validate of its own
			if err := checkFields(v.FieldByIndex(f.Index).Interface(), name, n, keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFields checks the fields of a struct, whose keys come after prefix, that keys give. It leaves to Validate what later keys may mend: a tag that
// names another field, and an empty list, which may stand for none.
func checkFields(config any, prefix string, n *yaml.Node, keys []string) error {
	fields, _ := invalid(config)
	for _, f := range fields {
		key, value := join(prefix, fieldKey(f)), reflect.ValueOf(f.Value())
		of := slices.IndexFunc(keys, func(k string) bool { return key == k || strings.HasPrefix(key, k+"[") })
		if of < 0 || f.Tag() == "ltefield" || value.Kind() == reflect.Slice && value.Len() == 0 {
			continue
		}
		err := fieldError(config, f, prefix)
		if line := lineOf(n, strings.Split(keys[of], ".")); line > 0 {
			return fmt.Errorf("line %d: %w", line, err)
		}
		return err
	}
	return nil
}

// lineOf returns the line of a key, 0 if an alias or a merge key gives it.
func lineOf(n *yaml.Node, path []string) int {
	if n.Kind != yaml.MappingNode {
		return 0
	}
	i := slices.Index(keysOf(n), path[0])
	switch {
	case i < 0:
		return 0
	case len(path) == 1:
		return n.Content[2*i].Line
	}
	return lineOf(n.Content[2*i+1], path[1:])
}
