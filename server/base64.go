package server

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
)

var errBase64 = errors.New("not base64")

// stringBase64 decodes a JSON string of base64. It works in place, so it overwrites the
// string and allocates only the result.
func stringBase64(raw []byte) ([]byte, error) {
	if raw = bytes.TrimSpace(raw); firstByte(raw) != '"' {
		return nil, errors.New("want a string of base64")
	}
	text, ok := unescape(raw[1 : len(raw)-1])
	if !ok {
		return nil, errBase64
	}
	return decodeBase64(text)
}

// unescape replaces JSON's escapes in place. It returns false for an escape of a
// character that is not ASCII.
func unescape(text []byte) ([]byte, bool) {
	if bytes.IndexByte(text, '\\') < 0 {
		return text, true
	}
	out := text[:0]
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c != '\\' {
			out = append(out, c)
			continue
		}
		i++
		switch text[i] {
		case 'n', 'r', 't':
			c = '\n'
		case 'u':
			code, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 16)
			if err != nil || code > 0x7f {
				return nil, false
			}
			c, i = byte(code), i+4
		default:
			c = text[i]
		}
		out = append(out, c)
	}
	return out, true
}

// decodeBase64 accepts the standard and the URL alphabet, with or without padding and
// line breaks, also within a data URL. It overwrites the text.
func decodeBase64(text []byte) ([]byte, error) {
	if rest, ok := bytes.CutPrefix(text, []byte("data:")); ok {
		head, data, found := bytes.Cut(rest, []byte(","))
		if !found || !bytes.HasSuffix(head, []byte(";base64")) {
			return nil, errors.New("a data URL has to be in base64")
		}
		text = data
	}
	plain := text[:0]
	for _, c := range text {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		case '\n', '\r', ' ':
			continue
		}
		plain = append(plain, c)
	}
	plain = bytes.TrimRight(plain, "=")
	data := make([]byte, base64.RawStdEncoding.DecodedLen(len(plain)))
	n, err := base64.RawStdEncoding.Decode(data, plain)
	if err != nil {
		return nil, errBase64
	}
	return data[:n], nil
}
