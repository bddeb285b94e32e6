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

// encodings are those that a body may have, as the header Accept-Encoding of an
// answer lists them.
const encodings = "gzip, deflate"

// encodingOf is a header's Content-Encoding in lower case, "" for none.
func encodingOf(h http.Header) string {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ", ")))
	switch encoding {
	case "identity":
		return ""
	case "x-gzip": // RFC 9110 8.4.1.3
		return "gzip"
	}
	return encoding
}

// unpacker undoes an encoding.
func unpacker(encoding string, packed io.Reader) (io.Reader, error) {
	switch encoding {
	case "":
		return packed, nil
	case "gzip":
		return gzip.NewReader(packed)
	case "deflate": // HTTP's is zlib's format; some send what is within it
		b := bufio.NewReader(packed)
		head, err := b.Peek(2)
		if err == nil && head[0]&0xf == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			return zlib.NewReader(b)
		}
		return flate.NewReader(b), nil
	}
	return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding",
		Message: "Content-Encoding " + shown(encoding) + " is not taken: send gzip, deflate or none"}
}

// unpack undoes a body's Content-Encoding. What comes out counts like a body that
// was sent so: it may have `limit` bytes, and the lease pays for it.
func unpack(encoding string, body []byte, limit int, l *lease) ([]byte, error) {
	if encoding == "" {
		return body, nil
	}
	var known *Error
	r, err := unpacker(encoding, bytes.NewReader(body))
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
