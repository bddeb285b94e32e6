package coco

import (
	"bytes"
	"cmp"
	"errors"
	"io"
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
