package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/go-playground/validator/v10"

	"scalenet/internal/brief"
	"scalenet/internal/spelling"
)

// Validate checks the values of a struct by the tags `validate` of its fields. The error names the first invalid key and its value. Keys are
// those of YAML, or the tag `option`. prefix, which may be empty, comes before each key.
//
// Tags are those of github.com/go-playground/validator, and finite: neither NaN nor infinite.
func Validate(config any, prefix string) error {
	fields, err := invalid(config)
	if len(fields) == 0 {
		return err
	}
	return fieldError(config, fields[0], prefix)
}

// invalid returns the fields whose values break their tags.
func invalid(config any) (fields validator.ValidationErrors, err error) {
	v := validator.New()
	v.RegisterTagNameFunc(keyOf)
	if err := v.RegisterValidation("finite", func(f validator.FieldLevel) bool { return finite(f.Field().Float()) }); err != nil {
		panic(err) // a name of our own: cannot fail
	}
	err = v.Struct(config)
	errors.As(err, &fields)
	return fields, err
}

// fieldError returns the error of a field, with the key after a prefix.
func fieldError(config any, f validator.FieldError, prefix string) error {
	_, path, _ := strings.Cut(f.StructNamespace(), ".")
	return Invalid(join(prefix, fieldKey(f)), f.Value(), requirement(reflect.TypeOf(config), path))
}

func fieldKey(f validator.FieldError) string {
	_, key, _ := strings.Cut(f.Namespace(), ".")
	return key
}

// Invalid returns the error of a value out of range.
func Invalid(key string, value any, need string) error {
	text := brief.Value(value)
	if text == "" {
		text = `""`
	}
	return fmt.Errorf("%s = %s: must be %s", key, text, need)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func keyOf(f reflect.StructField) string {
	if name, ok := f.Tag.Lookup("option"); ok {
		return name
	}
	return fieldName(f)
}

// requirement describes the tags of a field, or of its elements, in words.
func requirement(t reflect.Type, path string) string {
	var tags string
	var parent reflect.Type
	for name := range strings.SplitSeq(path, ".") {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		name, _, indexed := strings.Cut(name, "[")
		f, _ := t.FieldByName(name)
		parent, t, tags = t, f.Type, f.Tag.Get("validate")
		of, element, _ := strings.Cut(tags, "dive")
		if tags = of; indexed {
			tags, t = element, t.Elem()
		}
	}
	return words(tags, t, parent)
}

// words describes a list of tags for a value of a type. parent is the struct whose fields the tags may name.
func words(tags string, t, parent reflect.Type) string {
	var lower, upper bound
	var others []string
	for tag := range strings.SplitSeq(tags, ",") {
		name, param, _ := strings.Cut(tag, "=")
		switch name {
		case "gt", "gte", "min":
			lower = bound{param, name == "gt"}
		case "lt", "lte", "max":
			upper = bound{param, name == "lt"}
		case "ltefield":
			f, _ := parent.FieldByName(param)
			upper = bound{keyOf(f), false}
		case "oneof":
			others = append(others, spelling.Alternatives(strings.Fields(param)))
		case "len":
			others = append(others, fmt.Sprintf("a list of %s values", param))
		case "finite":
			others = append(others, "finite")
		}
	}
	if lower.value != "" || upper.value != "" {
		others = append([]string{interval(lower, upper, t)}, others...)
	}
	return strings.Join(others, " and ")
}

// bound is an end of an interval. An empty value is no bound.
type bound struct {
	value string
	open  bool
}

// interval describes a range in words, in interval notation for real numbers.
func interval(lower, upper bound, t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Slice:
		return fmt.Sprintf("a list of %s to %s values", lower.value, upper.value)
	case upper.value == "" && lower.open:
		return "above " + lower.value
	case upper.value == "":
		return "at least " + lower.value
	case lower.value == "" && upper.open:
		return "below " + upper.value
	case lower.value == "":
		return "at most " + upper.value
	case !lower.open && !upper.open && t.Kind() != reflect.Float64:
		return fmt.Sprintf("from %s to %s", lower.value, upper.value)
	}
	begin, end := "[", "]"
	if lower.open {
		begin = "("
	}
	if upper.open {
		end = ")"
	}
	return fmt.Sprintf("in %s%s, %s%s", begin, lower.value, upper.value, end)
}
