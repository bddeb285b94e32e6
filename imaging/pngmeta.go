package imaging

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
)

// pngMetadata has the chunks of a PNG that may contain the orientation, the last of each kind.
type pngMetadata struct {
	exif       []byte // eXIf, or a tEXt named "exif"
	rawProfile pngText
	xmp        pngText
}

// pngText is the text of a tEXt, zTXt or iTXt chunk.
type pngText struct {
	data       []byte
	compressed bool
}

// maxPNGText limits a text in bytes, as in Pillow.
const maxPNGText = 1 << 20

// keep stores a chunk that may contain the orientation. Texts are decompressed only when used, because a file may have thousands.
func (m *pngMetadata) keep(name string, payload []byte) {
	if name == "eXIf" {
		m.exif = payload
		return
	}
	keyword, rest, ok := bytes.Cut(payload, []byte{0})
	if !ok {
		return
	}
	text, ok := readPNGText(name, rest)
	if !ok {
		return
	}
	switch string(keyword) {
	case "exif":
		if name == "tEXt" {
			m.exif = rest
		}
	case "Raw profile type exif":
		m.rawProfile = text
	case "XML:com.adobe.xmp":
		m.xmp = text
	}
}

// readPNGText parses the data after the keyword of a text chunk. ok is false for other chunks and invalid ones.
func readPNGText(name string, rest []byte) (text pngText, ok bool) {
	switch name {
	case "tEXt":
		return pngText{data: rest}, true
	case "zTXt": // compression method, text
		if len(rest) > 0 && rest[0] == 0 {
			return pngText{rest[1:], true}, true
		}
	case "iTXt": // compressed or not, compression method, language, translated keyword, text
		if len(rest) < 2 || rest[0] != 0 && rest[1] != 0 {
			return text, false
		}
		if parts := bytes.SplitN(rest[2:], []byte{0}, 3); len(parts) == 3 {
			return pngText{parts[2], rest[0] != 0}, true
		}
	}
	return text, false
}

// value returns the decompressed text, nil if it is invalid or too long.
func (t pngText) value() []byte {
	if len(t.data) > maxPNGText {
		return nil
	}
	if !t.compressed {
		return t.data
	}
	r, err := zlib.NewReader(bytes.NewReader(t.data))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(r, maxPNGText+1))
	if err != nil || len(text) > maxPNGText {
		return nil
	}
	return text
}

// metadata returns EXIF and XMP. Without another EXIF chunk, EXIF in an ImageMagick profile is used. This is a text with an empty
// line, the name of the profile, its length, and lines of hexadecimal digits.
func (m *pngMetadata) metadata() metadata {
	exif := m.exif
	if lines := bytes.SplitN(m.rawProfile.value(), []byte("\n"), 4); exif == nil && len(lines) == 4 {
		digits := bytes.Join(bytes.Fields(lines[3]), nil)
		exif = make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(exif, digits); err != nil {
			exif = nil
		}
	}
	return metadata{exif, m.xmp.value()}
}
