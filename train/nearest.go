package train

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// unknown is the error of a key that a struct has no field for.
func (c *checker) unknown(at, parent, key string, t reflect.Type) error {
	if near := nearest(key, fieldNames(t)); near != "" {
		return fmt.Errorf("%s: unknown key; the nearest one is %s", at, join(parent, near))
	}
	// The right name in the wrong place: lr for train.lr.
	var elsewhere []string
	for _, path := range paths(c.root, "") {
		if last := path[strings.LastIndexByte(path, '.')+1:]; last == key {
			elsewhere = append(elsewhere, path)
		}
	}
	if len(elsewhere) > 0 {
		return fmt.Errorf("%s: unknown key; there is %s", at, strings.Join(elsewhere, ", "))
	}
	return fmt.Errorf("%s: unknown key; want %s", at, strings.Join(fieldNames(t), ", "))
}

// fieldOf is the field of a struct that a YAML key sets.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if name := fieldName(f); name == key && name != "" {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// fieldName is the YAML key of a field; "" if it has none.
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

// fieldNames are the keys of a struct.
func fieldNames(t reflect.Type) (names []string) {
	for f := range t.Fields() {
		if name := fieldName(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// paths are the keys of a struct and of the structs in it.
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

// nearest is the name in a list that a mistyped one most likely means: it takes
// the fewest edits, at most a third of the letters; "" if none is near.
func nearest(name string, list []string) string {
	best, edits := "", 0
	for _, candidate := range list {
		if n := distance(strings.ToLower(name), candidate); n <= (max(len(name), len(candidate))+1)/3 && (best == "" || n < edits) {
			best, edits = candidate, n
		}
	}
	return best
}

// distance is Levenshtein's between two short names, in bytes.
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			change := 1
			if a[i] == b[j] {
				change = 0
			}
			row[j+1] = min(before[j]+change, before[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
