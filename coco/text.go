package coco

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// readText reads a text file of at most limit bytes. A byte order mark, as Windows editors write it, is dropped, and UTF-16 is
// converted to UTF-8.
func readText(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return decodeText(text), nil
}

// decodeText converts a text with a byte order mark to UTF-8. Other texts are returned unchanged.
func decodeText(text []byte) []byte {
	decoded, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), text)
	if err != nil { // never: both decoders replace what they cannot read
		return text
	}
	return decoded
}

// elementText returns the text of an XML element. Blanks around it belong to it, unless there is a line break among them: then the
// file was laid out like this.
func elementText(text string) string {
	inner := strings.TrimSpace(text)
	before, after, _ := strings.Cut(text, inner)
	if strings.ContainsAny(before+after, "\r\n") {
		return inner
	}
	return text
}

// maxShown is the maximum length in characters of a value in a message.
const maxShown = 60

// cut quotes a text for a message, and truncates a long text.
func cut(text string) string {
	short := fmt.Sprintf("%.*s", maxShown, text)
	if len(short) < len(text) {
		return fmt.Sprintf("%q...", short)
	}
	return fmt.Sprintf("%q", text)
}

// cutList lists names for a message: the first names, and the number of further names.
func cutList(names []string) string {
	const most = 20
	list := "["
	for i, name := range names[:min(len(names), most)] {
		if i > 0 {
			list += " "
		}
		list += cut(name)
	}
	if more := len(names) - most; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list + "]"
}
