// Package brief shortens what a message shows of a file's or a request's content:
// a file may have names and values of megabytes.
package brief

import (
	"fmt"
	"strings"
)

// most bounds a text, in bytes, and items those of a list.
const (
	most  = 200
	items = 8
)

// Text is the beginning of a text that is long, with its length in bytes.
func Text(s string) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("... (%d bytes)", len(s))
}

// Cut is the first bytes of a text that has more, without a part of a character.
func Cut[T ~string | ~[]byte](text T, bytes int) string {
	if len(text) <= bytes {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:bytes]), "") + "..."
}

// Value is how fmt.Sprint shows a value, shortened.
func Value(v any) string { return Text(fmt.Sprint(v)) }

// List shows the first few of a list, and how many more there are.
func List(list []string) string {
	parts := make([]string, 0, items)
	for _, item := range list[:min(items, len(list))] {
		parts = append(parts, Text(item))
	}
	text := strings.Join(parts, ", ")
	if more := len(list) - items; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
