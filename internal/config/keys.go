package config

import (
	"fmt"
	"reflect"
	"strings"

	"scalenet/internal/spelling"
)

// unknown returns the error for an unknown key of a struct.
func (c *checker) unknown(at, parent, key string, t reflect.Type) error {
	if near := spelling.Nearest(key, fieldNames(t)); near != "" {
		return fmt.Errorf("%s: unknown key; did you mean %s?", at, join(parent, near))
	}
	// The right name at the wrong level: lr for train.lr.
	var elsewhere []string
	for _, path := range paths(c.root, "") {
		if last := path[strings.LastIndexByte(path, '.')+1:]; last == key {
			elsewhere = append(elsewhere, path)
		}
	}
	if len(elsewhere) > 0 {
		return fmt.Errorf("%s: unknown key; did you mean %s?", at, strings.Join(elsewhere, " or "))
	}
	return fmt.Errorf("%s: unknown key; want %s", at, strings.Join(fieldNames(t), ", "))
}

// fieldOf returns the field of a struct that a YAML key sets.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if name := fieldName(f); name == key && name != "" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// fieldName returns the YAML key of a field, "" if it has none.
func fieldName(f reflect.StructField) string {
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case !f.IsExported() || name == "-" || strings.Contains(options, "inline"):
		return ""
	case name == "":
		return strings.ToLower(f.Name)
	}
	return name
}

// fieldNames returns the keys of a struct.
func fieldNames(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		if name := fieldName(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// paths returns the keys of a struct and of the structs in it.
func paths(t reflect.Type, under string) (list []string) {
	for f := range t.Fields() {
		name := fieldName(f)
		if name == "" {
			continue
		}
		list = append(list, join(under, name))
		if f.Type.Kind() == reflect.Struct {
			list = append(list, paths(f.Type, join(under, name))...)
		}
	}
	return list
}
