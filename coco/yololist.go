package coco

import (
	"os"
	"path/filepath"
	"strings"
)

// listedImages lists the images that a text file names, one per line. Absolute paths are what they are. Ultralytics takes
// those that begin with ./ as relative to the list's folder and others to the current one; CVAT and Datumaro write paths that
// are relative to the data set, with "data/" in front at times. So a path is looked for in the list's folder, in the data set's
// and in the current one.
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

// listedImage is where the image of a line is; one that is nowhere is missing from the list's folder.
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

// fromHere is the absolute path of one that is relative to the current folder.
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
