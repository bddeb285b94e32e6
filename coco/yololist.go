package coco

import (
	"os"
	"path/filepath"
	"strings"
)

// listedImages lists the images that a text file names, one per line. Ultralytics resolves paths that begin with ./ in
// the folder of the list, and other relative paths in the current folder. CVAT and Datumaro write paths relative to the data set,
// sometimes with the prefix "data/". A relative path is therefore searched for in the folder of the list, in that of the data
// set and in the current folder.
func listedImages(path, root string) (files []string, err error) {
	text, err := readText(path, maxList)
	if err != nil {
		return nil, err
	}
	folders := []string{filepath.Dir(path), root}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			files = append(files, listedImage(line, folders))
		}
	}
	return files, nil
}

// listedImage returns the path of the image of a line. If it is not found, the path is in the folder of the list.
func listedImage(line string, folders []string) string {
	for _, path := range spellings(line) {
		if filepath.IsAbs(path) {
			if exists(path) {
				return path
			}
			continue
		}
		for _, folder := range folders {
			if at := filepath.Join(folder, path); exists(at) {
				return at
			}
		}
		if rest, ok := strings.CutPrefix(path, filepath.FromSlash("data/")); ok {
			for _, folder := range folders {
				if at := filepath.Join(folder, rest); exists(at) {
					return at
				}
			}
		}
		if exists(path) {
			return fromHere(path)
		}
	}
	return within(folders[0], filepath.FromSlash(line))
}

// fromHere returns the absolute path of a path relative to the current folder.
func fromHere(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		return absolute
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
