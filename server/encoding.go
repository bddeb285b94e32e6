package server

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
)

// unpack undoes a body's Content-Encoding. What comes out counts like a body that
// was sent so: it may have `limit` bytes, and the lease pays for it.
func unpack(encoding string, body []byte, limit int, l *lease) ([]byte, error) {
	var r io.Reader
	var err error
	switch encoding = strings.ToLower(strings.TrimSpace(encoding)); encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate": // HTTP's is zlib's format
		r, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding",
			Message: "Content-Encoding " + displayName(encoding) + " is not taken: send gzip, deflate or none"}
	}
	if err != nil {
		return nil, badRequest("the body is not in the %s form of its Content-Encoding", encoding)
	}
	data, err := l.readAll(io.LimitReader(r, int64(limit)+1))
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
