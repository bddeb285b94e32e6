package coco

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxSniff is the number of bytes in which a COCO file has the first of its lists of images and annotations.
const maxSniff = 4 << 20

// instances returns the COCO instances files. If there are some with "instances" in their name, as COCO has them beside captions and
// keypoints, only these are.
func (f *folder) instances() []string {
	is := make([]bool, len(f.json))
	parallel(len(f.json), func(_ *struct{}, i int) { is[i] = sniffFile(f.path(f.json[i])) == nil })
	var files, named []string
	for i, file := range f.json {
		if !is[i] {
			continue
		}
		files = append(files, file)
		if strings.Contains(strings.ToLower(filepath.Base(file)), "instances") {
			named = append(named, file)
		}
	}
	if len(named) > 0 {
		return named
	}
	return files
}

// notInstances says of the first JSON file why it is not an instances file.
func (f *folder) notInstances() error {
	return fmt.Errorf("%s: %w", f.json[0], sniffFile(f.path(f.json[0])))
}

// errIsInstances ends the search for the lists of an instances file.
var errIsInstances = errors.New("an instances file")

// sniffFile returns nil if a file is, as far as its beginning shows, a COCO instances file.
func sniffFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return sniffInstances(io.LimitReader(f, maxSniff))
}

func sniffInstances(src io.Reader) error {
	s := newScanner(src, 1<<16)
	if err := s.begin(); err != nil {
		return err
	}
	err := s.object(func(key []byte) error {
		if name := string(key); (name == "images" || name == "annotations") && s.peek() == '[' {
			return errIsInstances
		}
		return s.skip()
	})
	switch {
	case errors.Is(err, errIsInstances):
		return nil
	case err == nil:
		err = errors.New(`no list "images" or "annotations" in it, this is not a COCO instances file`)
	}
	return err
}
