package coco

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
)

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
