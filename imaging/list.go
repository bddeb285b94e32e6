package imaging

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// List is the files with an image's extension in a folder and its subfolders, sorted by path. Hidden files and folders are left
// out. Links to folders are followed: a folder is entered once, by its own path where it has one below dir, else by that of
// the first link; links to dir or a folder above it are not entered. So loops end.
func List(dir string) (files []string, err error) {
	root, err := resolved(dir)
	if err != nil {
		return nil, err
	}
	l := lister{root: root, entered: make(map[string]bool)}
	if err := l.walk(dir, root); err != nil {
		return nil, err
	}
	for len(l.links) > 0 { // real folders first: labels are looked up by path
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

// lister gathers files.
type lister struct {
	root    string          // what List was asked for, without links
	entered map[string]bool // folders, without links
	links   []string        // to folders, not entered yet
	files   []string
}

// walk enters the folder dir, which is at without links.
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
		case IsImage(path):
			l.files = append(l.files, path)
		}
		return nil
	})
}

// resolved is the absolute path without links.
func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// below tells whether path is dir or in it.
func below(path, dir string) bool {
	relative, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(relative)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
