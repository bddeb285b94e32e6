package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
)

// readBody reads the whole body and decodes its Content-Encoding. Afterwards net/http
// reads from the connection in the background, and so notices when the client
// disconnects. Memory is reserved as the body arrives.
func (s *Server) readBody(c *gin.Context, l *lease) ([]byte, error) {
	encoding := contentEncoding(c.Request.Header)
	if _, err := decompressor(encoding, http.NoBody); errors.As(err, new(*Error)) {
		c.Header("Accept-Encoding", encodings)
		return nil, err
	}
	limit := int64(s.config.Limits.Body)
	if c.Request.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	// Errors are ignored: the recorder of a test supports no deadlines.
	connection := http.NewResponseController(c.Writer)
	_ = connection.SetReadDeadline(time.Now().Add(s.config.Timeout))
	data, err := l.readAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	switch {
	case err == nil:
		_ = connection.SetReadDeadline(time.Time{}) // none for the background read
		connOf(c.Request.Context()).allowProbes()
		return decompress(encoding, data, s.config.Limits.Body, l)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Error{Status: http.StatusRequestTimeout, Code: "body_timeout", Message: "the body did not arrive in time", cause: err}
	case errors.Is(err, io.ErrUnexpectedEOF), c.Request.Context().Err() != nil:
		return nil, &Error{Status: statusClientGone, Code: "cancelled", Message: "the body ended early", cause: err}
	}
	var known *Error
	var tooLong *http.MaxBytesError
	if errors.As(err, &known) || errors.As(err, &tooLong) {
		return nil, err
	}
	return nil, &Error{Status: http.StatusBadRequest, Code: "bad_request", Message: "the body could not be read", cause: fmt.Errorf("body: %w", err)}
}
