package coco

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// splitNames are the splits of a folder, in their order.
func splitNames() []string { return []string{"train", "val", "test"} }

// splitWord returns the split that a word stands for, or "". Upper and lower case are the same, and digits at the end do not
// count: "train2017".
func splitWord(word string) string {
	switch strings.TrimRight(strings.ToLower(word), "0123456789") {
	case "train", "training":
		return "train"
	case "val", "valid", "validation":
		return "val"
	case "test", "testing":
		return "test"
	}
	return ""
}

// folders returns the names of the folders of a relative path.
func folders(file string) []string {
	names := strings.Split(filepath.ToSlash(file), "/")
	return names[:len(names)-1]
}

// splitOf returns the split of the first folder that has the name of one, or "".
func splitOf(file string) string {
	for _, name := range folders(file) {
		if split := splitWord(name); split != "" {
			return split
		}
	}
	return ""
}

// splitOfInstances returns the split of a COCO file by the words of its name, or else by its folders. Words of two splits are none:
// "train_val.json".
func splitOfInstances(file string) string {
	found := ""
	for _, word := range strings.FieldsFunc(stem(file), func(r rune) bool { return !unicode.IsLetter(r) }) {
		split := splitWord(word)
		if split != "" && found != "" && split != found {
			return ""
		}
		if split != "" {
			found = split
		}
	}
	if found == "" {
		found = splitOf(file)
	}
	return found
}

// splits returns the splits that the folder has.
func (f *folder) splits() ([]string, error) {
	has := make(map[string]bool)
	if f.kind == kindCOCO {
		files, err := f.instancesBySplit()
		if err != nil {
			return nil, err
		}
		for split := range files {
			has[split] = true
		}
	} else if f.byAddress() {
		has = f.recordSplits()
		if len(has) > 1 && has[""] {
			has["train"] = true
		}
	} else {
		for _, image := range f.used() {
			has[splitOf(image)] = true
		}
		if len(has) > 1 && has[""] {
			has["train"] = true
		}
	}
	return slices.DeleteFunc(splitNames(), func(name string) bool { return !has[name] }), nil
}

// used returns the files whose folders are the splits: with XML files the annotated images, with LabelMe files these if their folders
// are named so, otherwise all images.
func (f *folder) used() []string {
	if f.kind == kindLabels {
		return f.images
	}
	if f.kind == kindLabelMe {
		if slices.ContainsFunc(f.labelMe, func(file string) bool { return splitOf(file) != "" }) {
			return f.labelMe
		}
		return f.images
	}
	var images []string
	for _, p := range f.pairs {
		images = append(images, p.images...)
	}
	return images
}

// inSplit reports whether a file belongs to a split of read: "" has all files, and files in no folder of a split belong to train.
func inSplit(file, split string) bool {
	of := splitOf(file)
	return split == "" || of == split || of == "" && split == "train"
}

// instancesBySplit returns the COCO file of each split, or one file of the split "". A file without split is the training data if
// there are others and none of these is; otherwise it is not read.
func (f *folder) instancesBySplit() (map[string]string, error) {
	bySplit := make(map[string][]string)
	for _, file := range f.coco {
		split := splitOfInstances(file)
		bySplit[split] = append(bySplit[split], file)
	}
	if rest := bySplit[""]; len(rest) > 0 && len(bySplit) > 1 {
		if bySplit["train"] == nil {
			bySplit["train"] = rest
		}
		delete(bySplit, "")
	}
	one := make(map[string]string, len(bySplit))
	for _, split := range append([]string{""}, splitNames()...) {
		files := bySplit[split]
		if len(files) > 1 {
			of := ""
			if split != "" {
				of = " for " + split
			}
			return nil, fmt.Errorf("%s: %d COCO instances files%s, %s: name the file to read", f.dir, len(files), of, cutList(files))
		}
		if len(files) == 1 {
			one[split] = files[0]
		}
	}
	return one, nil
}
