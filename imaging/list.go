package imaging

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// List returns the files with an image extension in a folder and its subfolders, sorted by path. Hidden files and folders are
// skipped. Links to folders are followed, but each folder is entered only once: by its own path if it is below dir, otherwise by
// the path of the first link. Links to dir or to a folder above it are not followed, so there are no loops.
func List(dir string) (files []string, err error) { return Files(dir, IsImage) }

// Files lists, by the rules of List, the files whose path is wanted.
func Files(dir string, wanted func(path string) bool) (files []string, err error) {
	root, err := resolved(dir)
	if err != nil {
		return nil, err
	}
	l := lister{root: root, wanted: wanted, entered: make(map[string]bool)}
	if err := l.walk(dir, root); err != nil {
		return nil, err
	}
	for len(l.links) > 0 { // after real folders, because label files are found by the path of the image
		link := l.links[0]
		l.links = l.links[1:]
		target, err := resolved(link)
		if err != nil {
			return nil, err
		}
		if !l.entered[target] && !below(root, target) {
			if err := l.walk(link, target); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(l.files)
	return l.files, nil
}

// lister collects files.
type lister struct {
	root    string // argument of List with links resolved
	wanted  func(path string) bool
	entered map[string]bool // folders with links resolved
	links   []string        // links to folders, to be entered
	files   []string
}

// walk enters the folder dir, whose path with links resolved is at.
func (l *lister) walk(dir, at string) error {
	dir += string(filepath.Separator) // or WalkDir would not enter a link
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		relative, relativeErr := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case relativeErr != nil:
			return relativeErr
		case relative != "." && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir():
			real := filepath.Join(at, relative)
			if l.entered[real] {
				return fs.SkipDir
			}
			l.entered[real] = true
		case e.Type()&fs.ModeSymlink != 0 && isFolder(path):
			l.links = append(l.links, path)
		case l.wanted(path):
			l.files = append(l.files, path)
		}
		return nil
	})
}

// resolved returns the absolute path with links resolved.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// below reports whether path is dir or in dir.
func below(path, dir string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
