package coco

import (
	"errors"
	"fmt"
	"io"
)

// syntaxError is a broken document; Offset counts bytes from its start.
type syntaxError struct {
	offset int64
	msg    string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.offset, e.msg) }

func (s *scanner) fail(format string, args ...any) error {
	if s.readErr != nil && !errors.Is(s.readErr, io.EOF) {
		return s.readErr
	}
	return &syntaxError{s.offset(), fmt.Sprintf(format, args...)}
}

// unexpected reports the byte at pos, or the end of the file, where want was wanted.
func (s *scanner) unexpected(want string) error {
	if s.pos >= s.end {
		return s.fail("the file ends where %s was expected", want)
	}
	return s.fail("%q where %s was expected", s.buf[s.pos], want)
}

// valueError is a value of the wrong type or out of range. It was read to its end, so reading can continue after it.
type valueError struct{ msg string }

func (e *valueError) Error() string { return e.msg }

func wrongValue(format string, args ...any) error { return &valueError{fmt.Sprintf(format, args...)} }

// isValueError reports whether reading can continue after err.
func isValueError(err error) bool {
	var value *valueError
	return errors.As(err, &value)
}

// wrongKind skips a value of the wrong type and returns the error.
func (s *scanner) wrongKind(want string) error {
	c := s.peek()
	at, kind := s.offset(), fmt.Sprintf("%q", c)
	switch {
	case c == '"':
		raw, err := s.rawString()
		if err != nil {
			return err
		}
		return wrongValue("byte %d: a string where %s was expected: %s", at, want, cut(string(raw)))
	case c == 't' || c == 'f' || c == 'n':
		kind = map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
	case c != '{' && c != '[' && c != '-' && c-'0' > 9:
		return s.unexpected(want)
	}
	if err := s.skip(); err != nil {
		return err
	}
	return wrongValue("byte %d: %s where %s was expected", at, kind, want)
}
