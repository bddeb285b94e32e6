package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Bounds of JSON that a client sends.
const (
	deepestJSON  = 16 // levels of lists and objects
	maxFields    = 64 // of one object
	longestValue = 4 << 10
)

// whole takes any JSON and keeps nothing.
type whole struct{}

func (whole) UnmarshalJSON([]byte) error { return nil }

// checkJSON says what is wrong with a JSON document. It needs no memory, so that
// it goes before everything that does.
func checkJSON(document []byte) error {
	if at, ok := tooDeep(document); ok {
		return badRequest("the JSON is nested deeper than %d levels at byte %d", deepestJSON, at)
	}
	err := json.Unmarshal(document, &whole{})
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &syntax) || syntax.Offset >= int64(len(document)):
		return badRequest("the JSON is unsound: it ends early, after %d bytes", len(document))
	}
	at := max(0, int(syntax.Offset)-1)
	return badRequest("the JSON is unsound at byte %d: %q", at, document[at:min(len(document), at+20)])
}

// tooDeep finds where lists and objects are nested too deep.
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
			if depth++; depth > deepestJSON {
				return i, true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return 0, false
}

// field is a key of an object with its value, a part of the document.
type field struct {
	key   string
	value []byte
}

// fields takes an object of a sound document apart. No key is there twice.
func fields(object []byte) ([]field, error) {
	if kindOf(object) != '{' {
		return nil, errors.New("want an object")
	}
	var list []field
	for rest := open(object); len(rest) > 0; {
		if len(list) == maxFields {
			return nil, fmt.Errorf("more than %d fields in an object", maxFields)
		}
		var f field
		var text []byte
		text, rest = cutValue(rest)
		if len(text) > longestValue {
			return nil, fmt.Errorf("a field's name is longer than %d bytes", longestValue)
		}
		if err := json.Unmarshal(text, &f.key); err != nil {
			return nil, err
		}
		for _, other := range list {
			if other.key == f.key {
				return nil, fmt.Errorf("field %q is there twice", shown(f.key))
			}
		}
		f.value, rest = cutValue(skipSpace(rest)[1:]) // after the colon
		list, rest = append(list, f), next(rest)
	}
	return list, nil
}

// elements takes a list of a sound document apart.
func elements(list []byte, most int) ([][]byte, error) {
	if kindOf(list) != '[' {
		return nil, errors.New("want a list")
	}
	var all [][]byte
	for rest := open(list); len(rest) > 0; {
		if len(all) == most {
			return nil, fmt.Errorf("more than %d elements in a list", most)
		}
		var value []byte
		value, rest = cutValue(rest)
		all, rest = append(all, value), next(rest)
	}
	return all, nil
}

// kindOf is the first character of a value; 0 of none.
func kindOf(value []byte) byte {
	if value = skipSpace(value); len(value) == 0 {
		return 0
	}
	return value[0]
}

func skipSpace(text []byte) []byte { return bytes.TrimLeft(text, " \t\r\n") }

// open is what is within the brackets of a list or an object.
func open(value []byte) []byte {
	value = bytes.TrimSpace(value)
	return bytes.TrimSpace(value[1 : len(value)-1])
}

// next is what follows the comma, nothing at the end.
func next(rest []byte) []byte {
	rest = skipSpace(rest)
	return skipSpace(bytes.TrimPrefix(rest, []byte(",")))
}

// cutValue cuts the value off that a text begins with.
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
		default: // after a number or a word
			return text[:i], text[i:]
		}
		if depth == 0 && !inString {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// jsonValue is a parameter as a query string has it: a string, a number, a word,
// or a list of them, which has commas then.
func jsonValue(raw []byte) (string, error) {
	if raw = bytes.TrimSpace(raw); len(raw) > longestValue {
		return "", fmt.Errorf("longer than %d bytes", longestValue)
	}
	if kindOf(raw) != '[' {
		return jsonScalar(raw)
	}
	list, err := elements(raw, longestValue)
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
	switch kindOf(raw) {
	case '{', '[':
		return "", errors.New("want a string, a number or a list of them")
	case '"', 'n': // null is as if it were not there
		var text string
		err := json.Unmarshal(raw, &text)
		return text, err
	}
	return string(raw), nil
}

// valueOf is the field of an object; nil if there is none, or null.
func valueOf(object []field, key string) []byte {
	for _, f := range object {
		if f.key == key && kindOf(f.value) != 'n' {
			return f.value
		}
	}
	return nil
}

// textOf is a field that is a string; "" if there is none.
func textOf(object []field, key string) (text string, err error) {
	value := valueOf(object, key)
	switch {
	case value == nil:
		return "", nil
	case len(value) > longestValue:
		return "", badRequest("%s: longer than %d bytes", key, longestValue)
	case json.Unmarshal(value, &text) != nil:
		return "", badRequest("%s = %s: want a string", key, shown(value))
	}
	return text, nil
}

// objectOf are the fields of a field that is an object; none if it is not there.
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

// listOf are the elements of a field that is a list; none if it is not there.
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

// flag is a parameter that is true or false.
func (f field) flag() (v bool, err error) {
	if json.Unmarshal(f.value, &v) != nil {
		return false, errors.New("want true or false")
	}
	return v, nil
}
