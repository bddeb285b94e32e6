package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Limits of JSON that a client sends.
const (
	maxJSONDepth  = 16 // levels of lists and objects
	maxFields     = 64 // of one object
	maxValueBytes = 4 << 10
)

// discard accepts any JSON value and stores nothing.
type discard struct{}

func (discard) UnmarshalJSON([]byte) error { return nil }

// endsEarly is the text of the syntax error of a document that ends early. Its offset is also that of an error at the last byte.
const endsEarly = "unexpected end of JSON input"

// checkJSON returns an error if a document is not valid JSON or nested too deep. It
// allocates nothing, so it can run before memory is reserved.
func checkJSON(document []byte) error {
	if at, ok := tooDeep(document); ok {
		return badRequest("the JSON is nested deeper than %d levels at byte %d", maxJSONDepth, at)
	}
	err := json.Unmarshal(document, &discard{})
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &syntax) || syntax.Error() == endsEarly:
		return badRequest("invalid JSON: it ends early, after %d bytes", len(document))
	}
	at := max(0, int(syntax.Offset)-1)
	return badRequest("invalid JSON at byte %d: %q", at, document[at:min(len(document), at+20)])
}

// tooDeep returns the position of the first list or object that is nested too deep.
func tooDeep(document []byte) (at int, ok bool) {
	depth, inString := 0, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			if depth++; depth > maxJSONDepth {
				return i, true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return 0, false
}

// field is a key of an object, and its value as JSON within the document.
type field struct {
	key   string
	value []byte
}

// fields returns the fields of an object in a valid document. A repeated key is an error.
func fields(object []byte) ([]field, error) {
	if firstByte(object) != '{' {
		return nil, errors.New("want an object")
	}
	var list []field
	for rest := inside(object); len(rest) > 0; {
		if len(list) == maxFields {
			return nil, fmt.Errorf("more than %d fields in an object", maxFields)
		}
		var f field
		var text []byte
		text, rest = cutValue(rest)
		if len(text) > maxValueBytes {
			return nil, fmt.Errorf("a field's name is longer than %d bytes", maxValueBytes)
		}
		if err := json.Unmarshal(text, &f.key); err != nil {
			return nil, err
		}
		for _, other := range list {
			if other.key == f.key {
				return nil, fmt.Errorf("field %q occurs twice", shown(f.key))
			}
		}
		f.value, rest = cutValue(skipSpace(rest)[1:]) // after the colon
		list, rest = append(list, f), skipComma(rest)
	}
	return list, nil
}

// elements returns the elements of a list in a valid document, at most most.
func elements(list []byte, most int) ([][]byte, error) {
	if firstByte(list) != '[' {
		return nil, errors.New("want a list")
	}
	var all [][]byte
	for rest := inside(list); len(rest) > 0; {
		if len(all) == most {
			return nil, fmt.Errorf("more than %d elements in a list", most)
		}
		var value []byte
		value, rest = cutValue(rest)
		all, rest = append(all, value), skipComma(rest)
	}
	return all, nil
}

// firstByte returns the first character of a value, which tells its type, or 0 if the
// value is empty.
func firstByte(value []byte) byte {
	if value = skipSpace(value); len(value) == 0 {
		return 0
	}
	return value[0]
}

func skipSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// inside returns the text between the brackets of a list or an object.
func inside(value []byte) []byte {
	value = bytes.TrimSpace(value)
	return bytes.TrimSpace(value[1 : len(value)-1])
}

// skipComma returns the text after a comma, if there is one.
func skipComma(rest []byte) []byte {
	rest = skipSpace(rest)
	return skipSpace(bytes.TrimPrefix(rest, []byte(",")))
}

// cutValue splits a text after its first value.
func cutValue(text []byte) (value, rest []byte) {
	text = skipSpace(text)
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case inString && c == '\\':
			i++
			continue
		case c == '"':
			inString = !inString
		case inString:
			continue
		case c == '[' || c == '{':
			depth++
			continue
		case c == ']' || c == '}':
			depth--
		case depth > 0 || !bytes.ContainsRune([]byte(",: \t\r\n"), rune(c)):
			continue
		default: // end of a number, true, false or null
			return text[:i], text[i:]
		}
		if depth == 0 && !inString {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// jsonValue returns a value as text for url.Values: a string, a number, true, false, or
// a list of these, joined by commas.
func jsonValue(raw []byte) (string, error) {
	if raw = bytes.TrimSpace(raw); len(raw) > maxValueBytes {
		return "", fmt.Errorf("longer than %d bytes", maxValueBytes)
	}
	if firstByte(raw) != '[' {
		return jsonScalar(raw)
	}
	list, err := elements(raw, maxValueBytes)
	if err != nil {
		return "", err
	}
	texts := make([]string, len(list))
	for i, item := range list {
		if texts[i], err = jsonScalar(item); err != nil {
			return "", err
		}
	}
	return strings.Join(texts, ","), nil
}

func jsonScalar(raw []byte) (string, error) {
	switch firstByte(raw) {
	case '{', '[':
		return "", errors.New("want a string, a number or a list of them")
	case '"', 'n': // null is the same as an empty string
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	}
	return string(raw), nil
}

// valueOf returns the value of a field, nil if it is missing or null.
func valueOf(object []field, key string) []byte {
	for _, f := range object {
		if f.key == key && firstByte(f.value) != 'n' {
			return f.value
		}
	}
	return nil
}

// textOf returns a string field, "" if it is missing.
func textOf(object []field, key string) (text string, err error) {
	value := valueOf(object, key)
	switch {
	case value == nil:
		return "", nil
	case len(value) > maxValueBytes:
		return "", badRequest("%s: longer than %d bytes", key, maxValueBytes)
	case json.Unmarshal(value, &text) != nil:
		return "", badRequest("%s = %s: want a string", key, shown(value))
	}
	return text, nil
}

// objectOf returns the fields of an object field, nil if it is missing.
func objectOf(object []field, key string) ([]field, error) {
	value := valueOf(object, key)
	if value == nil {
		return nil, nil
	}
	list, err := fields(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return list, nil
}

// listOf returns the elements of a list field, nil if it is missing.
func listOf(object []field, key string, most int) ([][]byte, error) {
	value := valueOf(object, key)
	if value == nil {
		return nil, nil
	}
	list, err := elements(value, most)
	if err != nil {
		return nil, badRequest("%s: %v", key, err)
	}
	return list, nil
}

// flag returns the value of a boolean field.
func (f field) flag() (v bool, err error) {
	if json.Unmarshal(f.value, &v) != nil {
		return false, errors.New("want true or false")
	}
	return v, nil
}
