package checkpoint

import (
	"fmt"
	"strings"
)

// mostShown bounds what a message shows of a value of a file, in bytes.
const mostShown = 200

// cut shortens text of a file for a message.
func cut(s string) string {
	if len(s) <= mostShown {
		return s
	}
	return strings.ToValidUTF8(s[:mostShown], "") + fmt.Sprintf("... (%d bytes)", len(s))
}

// cutList shows the first few of a list, and how many more there are.
func cutList(items []string) string {
	const shown = 8
	parts := make([]string, 0, shown)
	for _, item := range items[:min(shown, len(items))] {
		parts = append(parts, cut(item))
	}
	text := strings.Join(parts, ", ")
	if more := len(items) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
