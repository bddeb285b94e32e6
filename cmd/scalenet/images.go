package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/internal/brief"
	"scalenet/internal/media"
)

// listed is an image file that an argument names, or an image file in a folder
// that an argument names.
type listed struct {
	file   string
	folder string // the argument, or the folder of the file that it names
}

// sourceNames returns the path below --out for each source, or "" for one that is
// listed again.
func sourceNames(list []media.Source) ([]string, error) {
	names := make([]string, len(list))
	for extension, video := range map[string]bool{".jpg": false, ".mp4": true} {
		var part []listed
		var at []int
		for i, s := range list {
			if s.Video == video {
				part, at = append(part, listed{s.Path, s.Folder}), append(at, i)
			}
		}
		if len(part) == 0 {
			continue
		}
		found, err := namesEnding(part, extension)
		if err != nil {
			return nil, err
		}
		for k, name := range found {
			names[at[k]] = name
		}
	}
	return names, nil
}

// differentImages returns the sources that are one image, each once.
func differentImages(all []media.Source) (list []media.Source) {
	seen := make(map[string]bool, len(all))
	for _, s := range all {
		if path := absolute(s.Path); !s.Stream() && !seen[path] {
			list, seen[path] = append(list, s), true
		}
	}
	return list
}

// differentStems returns an error for images of one folder whose names differ only in
// their extensions. Readers of yolo and voc look for the same file for both, so one
// would get the boxes of the other.
func differentStems(images []media.Source) error {
	of := make(map[string]media.Source, len(images))
	for _, s := range images {
		path := absolute(s.Path)
		stem := strings.TrimSuffix(path, filepath.Ext(path))
		if other, taken := of[stem]; taken {
			return fmt.Errorf("%s and %s differ only in their extensions, so readers would take the same file for both: rename one of them, or choose another format",
				brief.Text(other.Name), brief.Text(s.Name))
		}
		of[stem] = s
	}
	return nil
}

// absolute returns an absolute path, or path if the current folder is gone.
func absolute(path string) string {
	if path, err := filepath.Abs(path); err == nil {
		return path
	}
	return path
}

// withoutFolder returns a function that removes the files in the folder except from
// those found in a folder dir, if except is below dir.
func withoutFolder(except string) func(files []string, dir string) []string {
	return func(files []string, dir string) []string {
		if except == "" {
			return files
		}
		out, root := resolve(except), resolve(dir)
		if out == root || !isBelow(out, root) {
			return files
		}
		skip := make(map[string]bool) // folders
		return slices.DeleteFunc(files, func(file string) bool {
			folder := filepath.Dir(file)
			if _, known := skip[folder]; !known {
				skip[folder] = isBelow(resolve(folder), out)
			}
			return skip[folder]
		})
	}
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
func drawnNames(list []listed) ([]string, error) { return namesEnding(list, ".jpg") }

// namesEnding is drawnNames for outputs with an extension.
func namesEnding(list []listed, extension string) ([]string, error) {
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
	for _, same := range sameButEnding(names, extension) {
		if !slices.ContainsFunc(same, func(i int) bool { return filepath.Dir(absolute[i]) != filepath.Dir(absolute[same[0]]) }) {
			continue
		}
		common := commonFolder(absolute)
		if err := nameBelow(func(listed) string { return common }); err != nil {
			return nil, err
		}
		break
	}
	extend(names, absolute, extension)
	return names, nil
}

// extend replaces the extensions of names, and the name of an
// image that is listed again by "".
func extend(names, absolute []string, extension string) {
	keep := make([]bool, len(names))
	for _, same := range sameButEnding(names, extension) {
		for _, i := range same {
			keep[i] = slices.ContainsFunc(same, func(j int) bool { return names[j] != names[i] })
		}
	}
	drawn, taken := make([]string, len(names)), make(map[string]string, len(names))
	distinct := true
	for i, name := range names {
		if drawn[i] = name; filepath.Ext(name) != extension {
			drawn[i] = name + extension
		}
		if !keep[i] {
			drawn[i] = ending(name, extension)
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
			names[i] = name + extension
		}
		seen[absolute[i]] = true
	}
}

// sameButEnding returns the groups of two or more names that differ only in their
// extensions, as indices of names.
func sameButEnding(names []string, extension string) (groups [][]int) {
	by := make(map[string][]int, len(names))
	for i, name := range names {
		by[ending(name, extension)] = append(by[ending(name, extension)], i)
	}
	for i, name := range names { // in the list's order
		if group := by[ending(name, extension)]; len(group) > 1 && group[0] == i {
			groups = append(groups, group)
		}
	}
	return groups
}

func ending(name, extension string) string {
	return strings.TrimSuffix(name, filepath.Ext(name)) + extension
}

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
