package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/imaging"
)

// listed is an image file that an argument names, or an image file in a folder
// that an argument names.
type listed struct {
	file   string
	folder string // the argument, or the folder of the file that it names
}

// images lists the image files of the arguments. A folder stands for all files
// with an image extension in the folder and its subfolders, without the folder
// except.
func images(paths []string, except string) (list []listed, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			folder, _ := filepath.Split(path)
			list = append(list, listed{path, folder})
			continue
		}
		files, err := walkImages(path, except)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("%s: no images in the folder (%s)", path, strings.Join(imaging.Extensions(), ", "))
		}
		for _, file := range files {
			list = append(list, listed{file, path})
		}
	}
	return list, nil
}

// walkImages lists the images of a folder and its subfolders, without those in
// the folder except.
func walkImages(dir, except string) ([]string, error) {
	files, err := imaging.List(dir)
	if err != nil || except == "" {
		return files, err
	}
	out, root := resolve(except), resolve(dir)
	if out == root || !isBelow(out, root) {
		return files, nil
	}
	skip := make(map[string]bool) // folders
	return slices.DeleteFunc(files, func(file string) bool {
		folder := filepath.Dir(file)
		if _, known := skip[folder]; !known {
			skip[folder] = isBelow(resolve(folder), out)
		}
		return skip[folder]
	}), nil
}

// isBelow reports whether path is folder or inside folder. Links are not
// resolved.
func isBelow(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

// drawnNames returns the path below --out for each image of the list, or "" for an
// image that is listed again. All paths are different:
//   - images of a folder argument keep their path in the folder
//   - images of several folders that would get the same name keep their path below
//     the deepest common folder
//   - images of one folder that would get the same name keep their extension, as
//     in a.png.jpg
func drawnNames(list []listed) ([]string, error) {
	names, absolute := make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		var err error
		if absolute[i], err = filepath.Abs(p.file); err != nil {
			return nil, err
		}
	}
	nameBelow := func(folder func(listed) string) error {
		for i, p := range list {
			above, err := filepath.Abs(folder(p))
			if err != nil {
				return err
			}
			if names[i], err = filepath.Rel(above, absolute[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := nameBelow(func(p listed) string { return p.folder }); err != nil {
		return nil, err
	}
	for _, same := range sameButEnding(names) {
		if !slices.ContainsFunc(same, func(i int) bool { return filepath.Dir(absolute[i]) != filepath.Dir(absolute[same[0]]) }) {
			continue
		}
		common := commonFolder(absolute)
		if err := nameBelow(func(listed) string { return common }); err != nil {
			return nil, err
		}
		break
	}
	extend(names, absolute)
	return names, nil
}

// extend replaces the extensions of names by that of a JPEG, and the name of an
// image that is listed again by "".
func extend(names, absolute []string) {
	keep := make([]bool, len(names))
	for _, same := range sameButEnding(names) {
		for _, i := range same {
			keep[i] = slices.ContainsFunc(same, func(j int) bool { return names[j] != names[i] })
		}
	}
	drawn, taken := make([]string, len(names)), make(map[string]string, len(names))
	distinct := true
	for i, name := range names {
		if drawn[i] = name; filepath.Ext(name) != ".jpg" {
			drawn[i] = name + ".jpg"
		}
		if !keep[i] {
			drawn[i] = jpegName(name)
		}
		if other, ok := taken[drawn[i]]; ok && other != absolute[i] { // such as a.png.jpg beside a.png and a.jpg
			distinct = false
		}
		taken[drawn[i]] = absolute[i]
	}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		switch again := seen[absolute[i]]; {
		case again:
			names[i] = ""
		case distinct:
			names[i] = drawn[i]
		default:
			names[i] = name + ".jpg"
		}
		seen[absolute[i]] = true
	}
}

// sameButEnding returns the groups of two or more names that differ only in their
// extensions, as indices of names.
func sameButEnding(names []string) (groups [][]int) {
	by := make(map[string][]int, len(names))
	for i, name := range names {
		by[jpegName(name)] = append(by[jpegName(name)], i)
	}
	for i, name := range names { // in the list's order
		if group := by[jpegName(name)]; len(group) > 1 && group[0] == i {
			groups = append(groups, group)
		}
	}
	return groups
}

func jpegName(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) + ".jpg" }

// commonFolder returns the deepest folder that contains all files.
func commonFolder(files []string) string {
	common := filepath.Dir(files[0])
	for _, file := range files {
		for {
			relative, err := filepath.Rel(common, file)
			if err != nil || filepath.IsLocal(relative) {
				break
			}
			common = filepath.Dir(common)
		}
	}
	return common
}
