package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/imaging"
)

// listed is an image that an argument names, or one in a folder that an
// argument names.
type listed struct {
	file   string
	folder string // the argument, or the folder of the file that it names
}

// images lists what the arguments name: files as they are, of folders and
// their subfolders the files with an image's extension, those in the folder
// except left out.
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

// walkImages lists the images of a folder and its subfolders. The folder of
// the outputs is left out.
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

// isBelow tells whether a path is the folder or in it, links aside.
func isBelow(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

// drawnNames are where images with boxes go below --out, one for each of the
// list and all different, "" for an image that is listed again. A folder's
// images keep their places in it. Images of several folders that would get
// the same name keep the folders below the one that they have in common, and
// those of one folder keep their extensions.
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

// extend makes the names those of the JPEGs that are written, "" for an image
// that is listed again.
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

// sameButEnding are the groups of several names that are the same but for their
// extensions.
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

// commonFolder is the deepest folder that all files are in.
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
