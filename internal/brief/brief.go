// Package brief shortens values of files and requests for messages, because a file
// may have names and values of megabytes.
package brief

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// most is the maximum length of a text in bytes, items that of a list.
const (
	most  = 200
	items = 8
)

// Text returns text, or the beginning of a long text with its length in bytes.
func Text(s string) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + fmt.Sprintf("... (%d bytes)", len(s))
}

// Cut returns the first bytes of a longer text, without cutting a character.
func Cut[T ~string | ~[]byte](text T, bytes int) string {
	if len(text) <= bytes {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:bytes]), "") + "..."
}

// Value returns the shortened fmt.Sprint of a value.
func Value(v any) string { return Text(fmt.Sprint(v)) }

// List returns the first items of a list, and the number of further items.
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

// Count returns a number of things: "1 object", "2 boxes". thing is one of them, whose plural ends in s, or es after s and x.
func Count(n int, thing string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(thing, "s"), strings.HasSuffix(thing, "x"):
		thing += "es"
	default:
		thing += "s"
	}
	return fmt.Sprint(n, " ", thing)
}

// Line returns text, quoted as by %q if it has a control character: a line break in the name of a file would begin a line of its own, and an escape
// sequence would be the terminal's.
func Line(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	return text
}

// Gibibytes returns a number of bytes in GiB, with one decimal.
func Gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
