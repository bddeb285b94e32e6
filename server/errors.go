package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"scalenet/imaging"
	"scalenet/internal/brief"
	"scalenet/server/internal/schedule"
)

// Error is the response to a failed request: {"error": {...}}.
type Error struct {
	Status    int    `json:"-"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`

	cause error // for the log only
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.cause }

// statusClientGone is logged and counted for a request whose client has disconnected.
// It is never sent.
const statusClientGone = 499

func badRequest(format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "bad_request", Message: fmt.Sprintf(format, args...)}
}

// shown returns a client's value for an error or the log: at most 100 bytes.
func shown[T ~string | ~[]byte](text T) string { return brief.Cut(text, 100) }

func quoted(text string) string { return strconv.Quote(shown(text)) }

// maxMessageBytes is the maximum length of an error message, in bytes.
const maxMessageBytes = 1000

var (
	errMemory = &Error{Status: http.StatusServiceUnavailable, Code: "queue_full", Message: "the images in progress take all the memory that the server may use; try again later"}
)

// asError converts any error to a response. Unknown errors are internal errors, whose
// message is only logged.
func asError(err error) *Error {
	var known *Error
	var tooLong *http.MaxBytesError
	e := func(status int, code, format string, args ...any) *Error {
		return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...), cause: err}
	}
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLong):
		return e(http.StatusRequestEntityTooLarge, "body_too_large", "the body is longer than the %d bytes allowed", tooLong.Limit)
	case errors.Is(err, imaging.ErrUnsupported):
		return e(http.StatusUnsupportedMediaType, "unsupported_image", "%v", err)
	case errors.Is(err, imaging.ErrTooLarge):
		return e(http.StatusUnprocessableEntity, "image_too_large", "%v", err)
	case errors.Is(err, imaging.ErrCorrupt):
		return e(http.StatusUnprocessableEntity, "corrupt_image", "%v", err)
	case errors.Is(err, schedule.ErrFull):
		return e(http.StatusServiceUnavailable, "queue_full", "the queue of the server is full or its estimated wait is too long; try again later")
	case errors.Is(err, schedule.ErrClosed):
		return e(http.StatusServiceUnavailable, "not_ready", "the server is shutting down")
	case errors.Is(err, context.DeadlineExceeded):
		return e(http.StatusGatewayTimeout, "deadline_exceeded", "the response was not ready in time")
	case errors.Is(err, context.Canceled):
		return e(statusClientGone, "cancelled", "the client has gone")
	}
	return e(http.StatusInternalServerError, "internal", "the server failed; its log has more under this request's id")
}

// fail responds with an error and aborts the handlers of the request.
func (s *Server) fail(c *gin.Context, err error) {
	e := s.requestError(c, err)
	sent := *e
	if sent.Status == statusClientGone { // a client that still reads has sent an incomplete request
		sent.Status = http.StatusBadRequest
	}
	status, body := inForm(c.Request.URL.Path, &sent)
	c.AbortWithStatusJSON(status, body)
}

// requestError returns the error response of a request, with a limited message.
func (s *Server) requestError(c *gin.Context, err error) *Error {
	e := *asError(err)
	e.Message, e.RequestID = brief.Cut(e.Message, maxMessageBytes), requestID(c)
	s.noteError(c, &e)
	return &e
}

// inForm returns an error in the form of the API of the request.
func inForm(path string, e *Error) (status int, body any) {
	switch {
	case deepStackPath(path):
		status = deepStackStatus(e)
		return status, deepStackError{Error: e.Message, Code: status, RequestID: e.RequestID}
	case inferencePath(path):
		return e.Status, inferenceError{e.Message}
	}
	return e.Status, gin.H{"error": e}
}

// noteError keeps an error for the log and sets its response headers.
func (s *Server) noteError(c *gin.Context, e *Error) {
	c.Set(outcomeKey, e)
	switch e.Status {
	case http.StatusServiceUnavailable:
		c.Header("Retry-After", strconv.Itoa(s.retryAfter()))
	case http.StatusUnauthorized:
		c.Header("WWW-Authenticate", "Bearer")
	}
}

// retryAfter returns the seconds after which the queue is likely to have a free slot.
func (s *Server) retryAfter() int {
	return max(1, int((s.queue.EstimatedWait()+time.Second-1)/time.Second))
}
