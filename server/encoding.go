package server

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
)

// encodings are the supported encodings of a body, as the Accept-Encoding header of a
// response lists them.
const encodings = "gzip, deflate"

// contentEncoding returns the Content-Encoding in lower case, "" for none.
func contentEncoding(h http.Header) string {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ", ")))
	switch encoding {
	case "identity":
		return ""
	case "x-gzip": // RFC 9110 8.4.1.3
		return "gzip"
	}
	return encoding
}

// decompressor returns a reader of the decoded data.
func decompressor(encoding string, encoded io.Reader) (io.Reader, error) {
	switch encoding {
	case "":
		return encoded, nil
	case "gzip":
		return gzip.NewReader(encoded)
	case "deflate": // in HTTP the zlib format, but some clients send raw deflate
		b := bufio.NewReader(encoded)
		head, err := b.Peek(2)
		if err == nil && head[0]&0xf == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(b)
		}
		return flate.NewReader(b), nil
	}
	return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding",
		Message: "Content-Encoding " + shown(encoding) + " is not supported: send gzip, deflate or none"}
}

// decompress decodes a body. The result is limited like a body that was sent without
// encoding: to limit bytes, for which it reserves memory.
func decompress(encoding string, body []byte, limit int, l *lease) ([]byte, error) {
	if encoding == "" {
		return body, nil
	}
	var known *Error
	r, err := decompressor(encoding, bytes.NewReader(body))
	if errors.As(err, &known) {
		return nil, err
	}
	var data []byte
	if err == nil {
		data, err = l.readAll(io.LimitReader(r, int64(limit)+1))
	}
	switch {
	case errors.Is(err, errMemory):
		return nil, err
	case err != nil:
		return nil, badRequest("the body is not in the %s form of its Content-Encoding", encoding)
	case len(data) > limit:
		return nil, &http.MaxBytesError{Limit: int64(limit)}
	}
	return data, nil
}
