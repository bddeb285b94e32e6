package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"unicode/utf8"

	"scalenet/internal/brief"
)

// maxHeader is the maximum size of the JSON header, as in the reference implementation.
const maxHeader = 100_000_000

// metadataKey is the reserved name of the metadata in a header.
const metadataKey = "__metadata__"

// entry is a tensor in the header, with its byte range relative to the start of the data
// area.
type entry struct {
	Info
	begin, end int64
}

// parseHeader parses and checks a header that is followed by dataSize bytes of data. It
// reads tokens instead of a map, to keep the order and to find duplicate keys.
func parseHeader(header []byte, dataSize int64) ([]entry, map[string]string, error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("the header is not UTF-8")
	}
	p := headerParser{json.NewDecoder(bytes.NewReader(header))}
	p.UseNumber()
	var entries []entry
	var metadata map[string]string
	err := p.object("the header", func(key string) (err error) {
		if key == metadataKey {
			metadata, err = p.metadata()
			return err
		}
		if key == "" {
			return errors.New("a tensor has no name")
		}
		e, err := p.entry(key)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if _, err := p.Token(); err != io.EOF {
		return nil, nil, errors.New("the header goes on after its last brace")
	}
	return entries, metadata, checkLayout(entries, dataSize)
}

// checkLayout checks that the byte ranges have the sizes of the tensors and cover the
// data without overlap or gap.
func checkLayout(entries []entry, dataSize int64) error {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool {
		x, y := entries[order[a]], entries[order[b]]
		return x.begin < y.begin || x.begin == y.begin && x.end < y.end
	})
	var at int64
	for _, i := range order {
		e := entries[i]
		want, err := e.bytes()
		if err != nil {
			return err
		}
		if err := e.checkRange(int64(want), at, dataSize); err != nil {
			return fmt.Errorf("tensor %q: %w", brief.Text(e.Name), err)
		}
		at = e.end
	}
	if at != dataSize {
		return fmt.Errorf("%d bytes after the last tensor do not belong to a tensor", dataSize-at)
	}
	return nil
}

// checkRange checks the byte range of an entry: it must have want bytes, begin at at,
// where the previous entry ends, and be within dataSize bytes.
func (e entry) checkRange(want, at, dataSize int64) error {
	offsets := fmt.Sprintf("data_offsets [%d, %d]", e.begin, e.end)
	switch {
	case e.end < e.begin:
		return fmt.Errorf("%s run backwards", offsets)
	case e.end > dataSize:
		return fmt.Errorf("%s leave the %d bytes of data (is the file truncated?)", offsets, dataSize)
	case want != e.end-e.begin:
		return fmt.Errorf("%s %s takes %d bytes, %s give %d", e.DType, brief.Value(e.Shape), want, offsets, e.end-e.begin)
	case e.begin < at:
		return fmt.Errorf("%s overlap another tensor's, which end at %d", offsets, at)
	case e.begin > at:
		return fmt.Errorf("%s leave a hole after byte %d", offsets, at)
	}
	return nil
}

// headerParser parses the kinds of values that a header has.
type headerParser struct{ *json.Decoder }

// object reads { key: value, ... }, calling value for each key once.
func (p headerParser) object(what string, value func(key string) error) error {
	if err := p.delim('{', what); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return p.broken(err)
		}
		key, ok := token.(string)
		if !ok {
			return fmt.Errorf("%s has a key that is not a string: %s", what, shown(token))
		}
		if seen[key] {
			return fmt.Errorf("%s has the key %q twice", what, brief.Text(key))
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return p.delim('}', what)
}

func (p headerParser) entry(name string) (entry, error) {
	e := entry{Info: Info{Name: name}}
	what := fmt.Sprintf("tensor %q", brief.Text(name))
	fields := 0
	err := p.object(what, func(key string) error {
		fields++
		switch key {
		case "dtype":
			s, err := p.text(what + ": dtype")
			e.DType = DType(s)
			return err
		case "shape":
			sides, err := p.integers(what + ": shape")
			e.Shape = make([]int, len(sides))
			for i, side := range sides {
				e.Shape[i] = int(side)
			}
			return err
		case "data_offsets":
			offsets, err := p.integers(what + ": data_offsets")
			if err != nil {
				return err
			}
			if len(offsets) != 2 {
				return fmt.Errorf("%s: data_offsets has %d numbers instead of 2", what, len(offsets))
			}
			e.begin, e.end = offsets[0], offsets[1]
			return nil
		}
		return fmt.Errorf("%s has the unknown key %q", what, brief.Text(key))
	})
	if err == nil && fields != 3 {
		err = fmt.Errorf("%s lacks dtype, shape or data_offsets", what)
	}
	return e, err
}

func (p headerParser) metadata() (map[string]string, error) {
	metadata := map[string]string{}
	err := p.object(metadataKey, func(key string) (err error) {
		metadata[key], err = p.text(metadataKey + ": " + strconv.Quote(brief.Text(key)))
		return err
	})
	return metadata, err
}

func (p headerParser) text(what string) (string, error) {
	token, err := p.Token()
	if err != nil {
		return "", p.broken(err)
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%s is %s instead of a string", what, shown(token))
	}
	return s, nil
}

// integers reads an array of non-negative integers.
func (p headerParser) integers(what string) ([]int64, error) {
	if err := p.delim('[', what); err != nil {
		return nil, err
	}
	values := []int64{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, p.broken(err)
		}
		number, _ := token.(json.Number)
		v, err := strconv.ParseInt(number.String(), 10, 64)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("%s[%d] is %s instead of an integer from 0", what, len(values), shown(token))
		}
		values = append(values, v)
	}
	return values, p.delim(']', what)
}

func (p headerParser) delim(want json.Delim, what string) error {
	token, err := p.Token()
	if err != nil {
		return p.broken(err)
	}
	if token != want {
		return fmt.Errorf("%s: %s instead of %q", what, shown(token), want.String())
	}
	return nil
}

// shown returns a token for an error message.
func shown(token json.Token) string { return brief.Value(token) }

func (p headerParser) broken(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("broken JSON at byte %d of the header: %w", p.InputOffset(), err)
}
