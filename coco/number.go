package coco

import (
	"math"
	"strconv"
)

// pow10 holds the powers of ten that a float64 represents exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// number reads a number. Up to 15 digits and 22 decimal places it is one exact division (Clinger's fast path), beyond that
// strconv. Both round correctly, as other JSON readers do, so metrics agree to the last bit.
func (s *scanner) number() (float64, error) {
	c := s.peek()
	// A number may straddle the buffer: have a whole one's worth before looking.
	for s.end-s.pos < 32 && s.fill() {
	}
	b := s.buf[s.pos:s.end]
	i, neg := 0, false
	if c == '-' {
		neg = true
		i++
	}
	var mantissa uint64
	digits, places := 0, 0
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		mantissa = mantissa*10 + uint64(b[i]-'0')
		i++
	}
	digits = i - start
	if digits > 1 && b[start] == '0' {
		return 0, s.fail("a number with a leading zero")
	}
	if digits > 0 && i < len(b) && b[i] == '.' {
		i++
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			mantissa = mantissa*10 + uint64(b[i]-'0')
			i++
		}
		places = i - from
		digits += places
		if places == 0 {
			digits = 0 // "1." is not a number: the slow path returns the error
		}
	}
	if digits == 0 || digits > 15 || i == len(b) || b[i]|0x20 == 'e' {
		return s.slowNumber()
	}
	s.pos += i
	v := float64(mantissa) / pow10[places]
	if neg {
		v = -v
	}
	return v, nil
}

// slowNumber reads the numbers that number leaves: exponents, many digits, the end of the file, NaN and infinities.
func (s *scanner) slowNumber() (float64, error) {
	n := s.token()
	tok := string(s.buf[s.pos : s.pos+n])
	v := 0.0
	switch tok {
	case "NaN":
		v = math.NaN()
	case "Infinity":
		v = math.Inf(1)
	case "-Infinity":
		v = math.Inf(-1)
	default:
		if !validNumber(tok) {
			if tok == "" || otherKind(tok[0]) {
				return 0, s.wrongKind("a number")
			}
			return 0, s.fail("%.40q is not a number", tok)
		}
		var err error
		if v, err = strconv.ParseFloat(tok, 64); err != nil && !math.IsInf(v, 0) {
			return 0, s.fail("%.40q is not a number", tok)
		}
	}
	s.pos += n
	return v, nil
}

// integer reads a whole number; 7.0 is 7.
func (s *scanner) integer() (int64, error) {
	if otherKind(s.peek()) {
		return 0, s.wrongKind("a whole number")
	}
	n := s.token() // moves the buffer: before slicing it
	tok := s.buf[s.pos : s.pos+n]
	if len(tok) > 15 && validNumber(string(tok)) {
		if v, err := strconv.ParseInt(string(tok), 10, 64); err == nil {
			s.pos += len(tok)
			return v, nil
		}
	}
	v, err := s.number()
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		return 0, wrongValue("%v is not a whole number", v)
	}
	return int64(v), nil
}

// otherKind reports whether a value with this first byte is not a number.
func otherKind(c byte) bool {
	switch c {
	case '"', '{', '[', 't', 'f', 'n':
		return true
	}
	return false
}

// token returns the length of the run of number-like bytes at pos.
func (s *scanner) token() int {
	for n := 0; ; {
		for s.pos+n < s.end {
			c := s.buf[s.pos+n]
			if c-'0' > 9 && c != '-' && c != '+' && c != '.' && (c|0x20 < 'a' || c|0x20 > 'z') {
				return n
			}
			n++
		}
		if n > maxToken || !s.fill() {
			return n
		}
	}
}

// validNumber reports whether tok is a JSON number. strconv alone would also accept 0x1p-2, 1_000 and .5.
func validNumber(tok string) bool {
	digits := func() bool {
		n := 0
		for n < len(tok) && tok[n]-'0' <= 9 {
			n++
		}
		tok = tok[n:]
		return n > 0
	}
	if tok != "" && tok[0] == '-' {
		tok = tok[1:]
	}
	if len(tok) > 1 && tok[0] == '0' && tok[1]-'0' <= 9 || !digits() {
		return false
	}
	if tok != "" && tok[0] == '.' {
		tok = tok[1:]
		if !digits() {
			return false
		}
	}
	if tok != "" && tok[0]|0x20 == 'e' {
		tok = tok[1:]
		if tok != "" && (tok[0] == '+' || tok[0] == '-') {
			tok = tok[1:]
		}
		if !digits() {
			return false
		}
	}
	return tok == ""
}
