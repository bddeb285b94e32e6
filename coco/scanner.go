package coco

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	maxDepth  = 256     // nesting of a value that is skipped
	maxToken  = 1 << 20 // bytes of one string or number
	maxBuffer = 256 << 10
)

// scanner reads JSON from a stream through one small buffer, so that reading a file needs only the memory of its
// columns. Callers walk the document with object and array; everything they do not ask for is checked and skipped.
//
// Python writes NaN, Infinity and -Infinity: number accepts them, so that the caller's check can name the field.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	base     int64 // offset of buf[0] in the stream
	readErr  error // io.EOF at the end of the stream
}

// newScanner reads r, of about size bytes (0: unknown).
func newScanner(r io.Reader, size int64) *scanner {
	n := int64(maxBuffer)
	if size > 0 && size < n {
		n = size + 16
	}
	return &scanner{r: r, buf: make([]byte, n)}
}

// begin skips a byte order mark.
func (s *scanner) begin() error {
	for s.end-s.pos < 3 && s.fill() {
	}
	switch start := s.buf[s.pos:s.end]; {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		s.pos += 3
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return s.fail("this is UTF-16: save the file as UTF-8")
	}
	return nil
}

func (s *scanner) offset() int64 { return s.base + int64(s.pos) }

// open enters an object or a list.
func (s *scanner) open(c byte, want string) error {
	if s.peek() != c {
		return s.wrongKind(want)
	}
	s.pos++
	return nil
}

// fill reads more bytes after end and keeps everything from pos on. It returns false at the end of the stream.
func (s *scanner) fill() bool {
	if s.readErr != nil {
		return false
	}
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.pos = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf)+64)...)
	}
	for {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.readErr = err
		}
		if n > 0 || err != nil {
			return n > 0
		}
	}
}

// peek returns the next byte that is not white space, without reading it, or 0 at the end of the file.
func (s *scanner) peek() byte {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; c {
			case ' ', '\n', '\t', '\r':
				s.pos++
			default:
				return c
			}
		}
		if !s.fill() {
			return 0
		}
	}
}

func (s *scanner) expect(c byte, want string) error {
	if s.peek() != c || s.pos >= s.end {
		return s.unexpected(want)
	}
	s.pos++
	return nil
}

// done checks that nothing but white space follows.
func (s *scanner) done() error {
	if s.peek(); s.pos < s.end {
		return s.unexpected("the end of the file")
	}
	if s.readErr != nil && !errors.Is(s.readErr, io.EOF) {
		return s.readErr
	}
	return nil
}

// object calls field for each key; field must consume the value. key is valid until then only.
func (s *scanner) object(field func(key []byte) error) error {
	if err := s.open('{', "an object"); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.unexpected("a key in quotes")
		}
		key, err := s.rawString()
		if err != nil {
			return err
		}
		// The key is gone once the colon needs another buffer: read the colon only if it is already here.
		if s.pos < s.end && s.buf[s.pos] == ':' {
			s.pos++
		} else {
			key = append([]byte(nil), key...)
			if err := s.expect(':', "a colon"); err != nil {
				return err
			}
		}
		if err := field(key); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.unexpected("a comma or the end of the object")
		}
	}
}

// array calls item for each element with its index; item must consume it.
func (s *scanner) array(item func(i int) error) error {
	if err := s.open('[', "a list"); err != nil {
		return err
	}
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := item(i); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.unexpected("a comma or the end of the list")
		}
	}
}

// objectToEnd is object, but after an error behind which reading can go on it reads the rest, and then returns the first of these.
func (s *scanner) objectToEnd(field func(key []byte) error) (wrong error) {
	err := s.object(func(key []byte) error {
		err := field(key)
		if err != nil && isValueError(err) {
			wrong, err = cmp.Or(wrong, err), nil
		}
		return err
	})
	return cmp.Or(err, wrong)
}

// arrayToEnd is array in the same way.
func (s *scanner) arrayToEnd(item func(i int) error) (wrong error) {
	err := s.array(func(i int) error {
		err := item(i)
		if err != nil && isValueError(err) {
			wrong, err = cmp.Or(wrong, atIndex(i, err)), nil
		}
		return err
	})
	return cmp.Or(err, wrong)
}

// numbers reads a list of exactly len(dst) finite numbers into dst. The list is read to its end even if a number is invalid.
func (s *scanner) numbers(dst []float64) error {
	if err := s.open('[', "a list of numbers"); err != nil {
		return err
	}
	n := 0
	var wrong error // the first
	for s.peek() != ']' {
		if n > 0 {
			if err := s.expect(',', "a comma or the end of the list"); err != nil {
				return err
			}
		}
		v, err := s.finite()
		if err != nil {
			err = fmt.Errorf("[%d]: %w", n, err)
			if !isValueError(err) {
				return err
			}
			wrong = cmp.Or(wrong, err)
		}
		if n < len(dst) {
			dst[n] = v
		}
		n++
	}
	s.pos++
	if wrong == nil && n != len(dst) {
		wrong = wrongValue("a list of %d numbers, want %d", n, len(dst))
	}
	return wrong
}

// rawString reads a string without its quotes, escapes untouched; the result is valid until the next read.
func (s *scanner) rawString() ([]byte, error) {
	if err := s.expect('"', "a string"); err != nil {
		return nil, err
	}
	for n := 0; ; {
		for s.pos+n < s.end {
			switch c := s.buf[s.pos+n]; {
			case c == '"':
				str := s.buf[s.pos : s.pos+n]
				s.pos += n + 1
				return str, nil
			case c == '\\':
				n++
			case c < ' ':
				s.pos += n
				return nil, s.fail("control character %q inside a string", c)
			}
			n++
		}
		if n > maxToken {
			return nil, s.fail("a string of more than %d bytes", maxToken)
		}
		if !s.fill() {
			return nil, s.fail("the file ends inside a string")
		}
	}
}

// skipString drops a string of any length: labelling tools put whole images into them.
func (s *scanner) skipString() error {
	s.pos++ // the quote
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; {
			case c == '"':
				s.pos++
				return nil
			case c == '\\' && s.pos+1 == s.end: // the character behind is in the next buffer
				if !s.fill() {
					return s.fail("the file ends inside a string")
				}
				s.pos++
			case c == '\\':
				s.pos++
			case c < ' ':
				return s.fail("control character %q inside a string", c)
			}
			s.pos++
		}
		if !s.fill() {
			return s.fail("the file ends inside a string")
		}
	}
}

// text reads a string with its escapes resolved.
func (s *scanner) text() (string, error) {
	if s.peek() != '"' {
		return "", s.wrongKind("a string")
	}
	raw, err := s.rawString()
	if err != nil {
		return "", err
	}
	for _, c := range raw {
		if c == '\\' {
			var out string
			if err := json.Unmarshal(append(append([]byte{'"'}, raw...), '"'), &out); err != nil {
				return "", s.fail("a string with an escape that JSON does not have: %s", cut(string(raw)))
			}
			return out, nil
		}
	}
	return string(raw), nil
}

// literal consumes word if it is next.
func (s *scanner) literal(word string) bool {
	s.peek()
	for s.end-s.pos < len(word) && s.fill() {
	}
	if s.end-s.pos < len(word) || string(s.buf[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

// null consumes a null if it is next.
func (s *scanner) null() bool { return s.peek() == 'n' && s.literal("null") }

// flag reads true, false, 0 or 1.
func (s *scanner) flag() (bool, error) {
	switch s.peek() {
	case 't':
		if s.literal("true") {
			return true, nil
		}
	case 'f':
		if s.literal("false") {
			return false, nil
		}
	}
	v, err := s.number()
	if err == nil && v != 0 && v != 1 {
		err = wrongValue("%v, want 0 or 1", v)
	}
	return v == 1, err
}

// foreignFlag reads true or a number other than 0 as true; anything else is false.
func (s *scanner) foreignFlag() (bool, error) {
	switch c := s.peek(); {
	case c == 't' || c == 'f':
		return s.flag()
	case c < '0' || c > '9':
		return false, s.skip()
	}
	v, err := s.number()
	return v != 0, err
}

// pixels reads a width or height. null equals a missing field, which is 0.
func (s *scanner) pixels() (int, error) {
	if s.null() {
		return 0, nil
	}
	v, err := s.integer()
	if err == nil && (v < 0 || v > math.MaxInt32) {
		err = wrongValue("%d pixels", v)
	}
	if err != nil {
		return 0, err
	}
	return int(v), nil
}

// finite reads a number and refuses NaN and infinities.
func (s *scanner) finite() (float64, error) {
	v, err := s.number()
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = wrongValue("%v is not a finite number", v)
	}
	return v, err
}

// skip checks and drops one value of any kind.
func (s *scanner) skip() error { return s.skipNested(0) }

func (s *scanner) skipNested(depth int) error {
	if depth > maxDepth {
		return s.fail("a value nested more than %d deep", maxDepth)
	}
	switch c := s.peek(); c {
	case '{':
		return s.object(func([]byte) error { return s.skipNested(depth + 1) })
	case '[':
		return s.array(func(int) error { return s.skipNested(depth + 1) })
	case '"':
		return s.skipString()
	case 't', 'f', 'n':
		if s.literal("true") || s.literal("false") || s.literal("null") {
			return nil
		}
		return s.unexpected("a value")
	default:
		_, err := s.number()
		return err
	}
}
