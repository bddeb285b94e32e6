package coco

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxSniff is the number of bytes in which a JSON file shows what it is.
const maxSniff = 4 << 20

// sortJSON tells the JSON files apart by their contents. If there are COCO files with "instances" in their name, as COCO has them
// beside captions and keypoints, only these are.
func (f *folder) sortJSON() {
	kinds, errs := make([]string, len(f.json)), make([]error, len(f.json))
	parallel(len(f.json), func(_ *struct{}, i int) { kinds[i], errs[i] = sniffFile(f.path(f.json[i])) })
	var named, broken []string
	for i, file := range f.json {
		if syntax := new(syntaxError); errors.As(errs[i], &syntax) {
			broken = append(broken, file)
		}
		switch kinds[i] {
		case kindLabelMe:
			f.labelMe = append(f.labelMe, file)
		case kindStudio:
			f.studio = append(f.studio, file)
		case kindCOCO:
			f.coco = append(f.coco, file)
			if strings.Contains(strings.ToLower(filepath.Base(file)), "instances") {
				named = append(named, file)
			}
		}
	}
	if len(named) > 0 {
		f.coco = named
	}
	if len(f.coco) > 0 { // that others were converted to
		f.labelMe = nil
	}
	if len(f.labelMe) > 0 { // reading a broken file says why
		f.labelMe = append(f.labelMe, broken...)
		slices.Sort(f.labelMe)
	}
}

// notInstances says of the first JSON file why it is not an annotation file.
func (f *folder) notInstances() error {
	_, err := sniffFile(f.path(f.json[0]))
	return fmt.Errorf("%s: %w", f.json[0], err)
}

// foundKind ends the search for what a file is.
type foundKind struct{ kind string }

func (e *foundKind) Error() string { return e.kind }

// sniffFile returns what a JSON file is, as far as its beginning shows: kindCOCO, kindLabelMe or kindStudio. Otherwise err says why
// it is none.
func sniffFile(path string) (kind string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return sniffJSON(f)
}

func sniffJSON(src io.Reader) (kind string, err error) {
	beginning := &io.LimitedReader{R: src, N: maxSniff}
	s := newScanner(beginning, 1<<16)
	if err := s.begin(); err != nil {
		return "", err
	}
	likely := ""
	if s.peek() == '[' {
		err = s.array(func(int) error { return s.sniffTask() })
	} else {
		likely, err = s.sniffObject()
	}
	var found *foundKind
	switch {
	case errors.As(err, &found):
		return found.kind, nil
	case err == nil:
		err = errors.New(`no list "images", "annotations" or "shapes" in it, this is not a COCO instances file or a file of LabelMe or Label Studio`)
	case beginning.N == 0: // what is wrong may be that the file goes on
		if likely != "" {
			return likely, nil
		}
		err = fmt.Errorf(`no list "images", "annotations" or "shapes" in its first %d bytes`, maxSniff)
	}
	return "", err
}

// sniffObject looks for the lists of COCO's and LabelMe's files. likely is what the file is if its beginning has none of them: a
// LabelMe file with sorted keys has the image, of any size, before its shapes.
func (s *scanner) sniffObject() (likely string, err error) {
	err = s.object(func(key []byte) error {
		name := string(key)
		switch c := s.peek(); {
		case c == '[' && (name == "images" || name == "annotations"):
			return &foundKind{kindCOCO}
		case c == '[' && name == "shapes":
			return &foundKind{kindLabelMe}
		case c == '"' && (name == "imageData" || name == "imagePath"):
			likely = kindLabelMe
		}
		return s.skip()
	})
	return likely, err
}

// sniffTask looks for what the tasks of Label Studio have.
func (s *scanner) sniffTask() error {
	return s.object(func(key []byte) error {
		switch name, c := string(key), s.peek(); {
		case (name == "annotations" || name == "completions") && c == '[', name == "data" && c == '{':
			return &foundKind{kindStudio}
		case name == "annotation_id":
			return errors.New("this is JSON-MIN of Label Studio, export the project as JSON")
		}
		return s.skip()
	})
}
