package coco

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// SharedImage is an image that two data sets have.
type SharedImage struct {
	First, Second int  // indices of Images
	File          bool // the same file, by whatever path or link; otherwise another file with the same bytes
}

// SharedImages finds the images of b that are also in a, each once, in the order of b. Missing files are in neither.
func SharedImages(ctx context.Context, a, b *Dataset) ([]SharedImage, error) {
	inFirst := make(map[string]int, len(a.Images))
	for i := range a.Images {
		if path, ok := realPath(a.ImagePath(i)); ok {
			if _, ok := inFirst[path]; !ok {
				inFirst[path] = i
			}
		}
	}
	var shared []SharedImage
	var paths []string // of the images of a, then the others of b
	for i := range a.Images {
		paths = append(paths, a.ImagePath(i))
	}
	var others []int
	for i := range b.Images {
		if path, ok := realPath(b.ImagePath(i)); ok {
			if first, ok := inFirst[path]; ok {
				shared = append(shared, SharedImage{first, i, true})
				continue
			}
		}
		others, paths = append(others, i), append(paths, b.ImagePath(i))
	}
	n := len(a.Images)
	groups, err := sameBytes(ctx, paths, func(i int, err error) error {
		if i < n {
			return a.imageError(i, err)
		}
		return b.imageError(others[i-n], err)
	})
	if err != nil {
		return nil, err
	}
	for _, list := range groups {
		for _, i := range list {
			if list[0] < n && i >= n {
				shared = append(shared, SharedImage{list[0], others[i-n], false})
			}
		}
	}
	slices.SortFunc(shared, func(a, b SharedImage) int { return a.Second - b.Second })
	return shared, nil
}

// realPath returns the absolute path of a file with links resolved. ok is false if there is no such file.
func realPath(path string) (string, bool) {
	path, err := filepath.EvalSymlinks(path)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	return path, err == nil
}

// SharedError is the error of images that two data sets have in common.
type SharedError struct {
	First, Second *Dataset
	Images        []SharedImage
}

// Error names the number of images and the paths of the first three.
func (e *SharedError) Error() string {
	const most = 3
	text := ""
	for _, s := range e.Images[:min(len(e.Images), most)] {
		first, second := e.First.ImagePath(s.First), e.Second.ImagePath(s.Second)
		text += fmt.Sprintf("; %.300s", second)
		if first != second {
			text += fmt.Sprintf(" is %.300s", first)
		}
	}
	if more := len(e.Images) - most; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return fmt.Sprintf("%s and %s: %d of the %d images of the latter are also in the former%s", e.First.Path, e.Second.Path, len(e.Images), len(e.Second.Images), text)
}

// CheckApart returns a [*SharedError] if a and b have images in common.
func CheckApart(ctx context.Context, a, b *Dataset) error {
	shared, err := SharedImages(ctx, a, b)
	if err != nil || len(shared) == 0 {
		return err
	}
	return &SharedError{a, b, shared}
}
