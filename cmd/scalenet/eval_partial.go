package main

import (
	"errors"
	"io/fs"
	"os"

	"scalenet/detector"
)

// heldPartial is a file of partial results that this process has locked, so that it is of no other evaluation. That of nil is no file.
type heldPartial struct{ file *os.File }

// holdPartial locks a file of partial results. It returns nil if there is none, and an error if an evaluation in another process writes to it.
func holdPartial(path string) (*heldPartial, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := detector.LockPartial(f); err != nil {
		f.Close()
		return nil, err
	}
	return &heldPartial{f}, nil
}

// remove removes the file, unless another one has its name by now, and unlocks it.
func (p *heldPartial) remove() error {
	if p == nil {
		return nil
	}
	defer p.file.Close()
	if !p.inPlace() {
		return nil
	}
	return os.Remove(p.file.Name())
}

// inPlace reports whether the file still has its name.
func (p *heldPartial) inPlace() bool {
	have, err1 := p.file.Stat()
	there, err2 := os.Stat(p.file.Name())
	return err1 == nil && err2 == nil && os.SameFile(have, there)
}

// replacePartial removes the partial results of an evaluation that --force replaces.
func (o *evalOptions) replacePartial(path string) error {
	if path == "" || !o.output.force || o.resume {
		return nil
	}
	held, err := holdPartial(path)
	if err != nil {
		return err
	}
	return held.remove()
}
