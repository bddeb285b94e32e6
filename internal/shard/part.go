package shard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"scalenet/internal/brief"
)

// Head is the first line of the file of a part. One line per image follows, in the order of the images.
type Head struct {
	// Part is the kind of the lines, such as "eval".
	Part string `json:"part"`
	// Shard is the part in the form of Parse; "" is the whole list.
	Shard string `json:"shard,omitempty"`
	// Total is the number of images of all parts.
	Total int `json:"total"`
	// Model and Data are fingerprints of what the lines depend on. Parts of one whole have the same.
	Model string `json:"model"`
	Data  string `json:"data"`
}

// ErrNoPart is returned for a file that does not begin with a Head.
var ErrNoPart = errors.New("line 1: this is not a part that --shard wrote")

// ParseHead parses the first line of a part.
func ParseHead(line []byte) (h Head, s Shard, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if d.Decode(&h) != nil || h.Part == "" || h.Model == "" || h.Data == "" || h.Total < 0 {
		return h, s, ErrNoPart
	}
	if h.Shard != "" {
		if s, err = Parse(h.Shard); err != nil {
			return h, s, fmt.Errorf("line 1: shard %q: %w", brief.Cut(h.Shard, 80), err)
		}
	}
	return h, s, nil
}

// Parts are the files of all parts of a whole, in the order of the parts.
type Parts struct {
	Head  Head // of the first part
	paths []string
}

// Open checks that the files are parts of one whole, and that none is missing, twice there or cut off.
func Open(paths []string) (*Parts, error) {
	if len(paths) == 0 {
		return nil, errors.New("there are no parts")
	}
	p := &Parts{}
	for _, path := range paths {
		h, s, err := readPart(path)
		if err != nil {
			return nil, err
		}
		if p.paths == nil {
			p.Head, p.paths = h, make([]string, s.Of)
		}
		if err := p.add(path, h, s, paths[0]); err != nil {
			return nil, err
		}
	}
	return p, p.missing()
}

// readPart reads the head of a part, and checks the number of its lines.
func readPart(path string) (h Head, s Shard, err error) {
	lines := 0
	h, err = read(path, func([]byte) error { lines++; return nil })
	if err != nil {
		return h, s, err
	}
	if s, err = Parse(h.Shard); err != nil {
		return h, s, fmt.Errorf("%s: has all images, there is nothing to merge", path)
	}
	if first, end := s.Range(h.Total); lines != end-first {
		return h, s, fmt.Errorf("%s: part %s has %d of its %d images: continue it with --resume", path, s, lines, end-first)
	}
	return h, s, nil
}

// add adds a part, which must belong to those before.
func (p *Parts) add(path string, h Head, s Shard, first string) error {
	switch {
	case h.Part != p.Head.Part:
		return fmt.Errorf("%s: is a part of %q, %s is one of %q", path, brief.Cut(h.Part, 40), first, brief.Cut(p.Head.Part, 40))
	case h.Model != p.Head.Model:
		return fmt.Errorf("%s: was made with another model than %s, or with other settings", path, first)
	case h.Data != p.Head.Data || h.Total != p.Head.Total:
		return fmt.Errorf("%s: was made with other images than %s", path, first)
	case s.Of != len(p.paths):
		return fmt.Errorf("%s: is part %s, %s is one of %d", path, s, first, len(p.paths))
	case p.paths[s.Index] != "":
		return fmt.Errorf("%s: is part %s, as %s is", path, s, p.paths[s.Index])
	}
	p.paths[s.Index] = path
	return nil
}

// missing returns an error that names the parts that are not there.
func (p *Parts) missing() error {
	var first, count int
	for i := len(p.paths) - 1; i >= 0; i-- {
		if p.paths[i] == "" {
			first, count = i, count+1
		}
	}
	switch count {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("part %v is missing", Shard{first, len(p.paths)})
	}
	return fmt.Errorf("%d of %d parts are missing, the first is %v", count, len(p.paths), Shard{first, len(p.paths)})
}

// Place names the file and the line of image i of all parts, counted from 0.
func (p *Parts) Place(i int) string {
	for part, path := range p.paths {
		if first, end := (Shard{part, len(p.paths)}).Range(p.Head.Total); i < end {
			return fmt.Sprintf("%s: line %d", path, i-first+2) // after the head, counted from 1
		}
	}
	return fmt.Sprintf("image %d of %d", i, p.Head.Total)
}

// Lines calls f with each line of all parts, without its end, in the order of the images.
func (p *Parts) Lines(f func(line []byte) error) error {
	for _, path := range p.paths {
		if _, err := read(path, f); err != nil {
			return err
		}
	}
	return nil
}

// read reads a part. It calls f with each line but the first.
func read(path string, f func(line []byte) error) (h Head, err error) {
	file, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 1<<20)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 && n > 1 {
			return h, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return h, fmt.Errorf("%s: %w", path, err)
		}
		if n == 1 {
			if h, _, err = ParseHead(line); err != nil {
				return h, fmt.Errorf("%s: %w", path, err)
			}
			continue
		}
		if err != nil { // no end
			return h, fmt.Errorf("%s: line %d is cut off: continue the part with --resume", path, n)
		}
		if err := f(line[:len(line)-1]); err != nil {
			return h, fmt.Errorf("%s: line %d: %w", path, n, err)
		}
	}
}
