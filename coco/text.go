package coco

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// readText reads a text file of at most limit bytes. Editors of Windows put a byte order mark in front: it is dropped, and UTF-16
// becomes UTF-8.
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

// decodeText is the text as UTF-8 where a byte order mark says what it is, else as it is.
func decodeText(text []byte) []byte {
	decoded, _, err := transform.Bytes(unicode.BOMOverride(transform.Nop), text)
	if err != nil { // never: both decoders replace what they cannot read
		return text
	}
	return decoded
}

// maxShown is how much of a value of a file a message shows, in characters.
const maxShown = 60

// cut is a text of a file for a message: in quotes, and its beginning only where it is long.
func cut(text string) string {
	short := fmt.Sprintf("%.*s", maxShown, text)
	if len(short) < len(text) {
		return fmt.Sprintf("%q...", short)
	}
	return fmt.Sprintf("%q", text)
}

// cutList is a list of names for a message: the first ones, and how many more there are.
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
