package coco

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// byAddress reports whether the annotation files of a folder name many images each, by path, address or id.
func (f *folder) byAddress() bool {
	return f.kind == kindCVAT || f.kind == kindStudio || f.kind == kindOpenImages
}

// recordFiles returns the files of such a folder.
func (f *folder) recordFiles() []string {
	return map[string][]string{kindCVAT: f.cvat, kindStudio: f.studio, kindOpenImages: f.openImages}[f.kind]
}

// fileSplit returns the split that a file's name, or else its folders, says.
func (f *folder) fileSplit(file string) string {
	if f.single {
		return ""
	}
	return splitOfInstances(file)
}

// readRecords reads the files of a split. Several files of a split are read as one.
func (f *folder) readRecords(opt Options) (*Dataset, error) {
	dir, images := f.dir, f.images
	if opt.Images != "" {
		dir, images = opt.Images, nil
	}
	path := f.dir
	if f.single {
		path = f.path(f.recordFiles()[0])
	}
	r := newRecords(path, newImageFinder(dir, images), opt)
	boxes := (*openImages)(nil)
	if f.kind == kindOpenImages {
		var names []string
		for _, file := range f.classFiles {
			names = append(names, f.path(file))
		}
		var err error
		if boxes, err = newOpenImages(r, names); err != nil {
			return nil, err
		}
	}
	for _, file := range f.recordFiles() {
		at, split := f.path(file), f.fileSplit(file)
		r.passed = !ofSplit(split, opt.Split)
		if !r.passed || f.kind == kindCVAT {
			r.data.annotationFiles = append(r.data.annotationFiles, at)
		}
		var err error
		switch f.kind {
		case kindCVAT:
			err = r.addCVAT(at, func(subset string) bool {
				if named := splitWord(subset); named != "" {
					return ofSplit(named, opt.Split)
				}
				return ofSplit(split, opt.Split)
			})
		case kindStudio:
			err = r.addStudio(at)
		default:
			err = boxes.add(at)
		}
		if err != nil {
			return nil, err
		}
	}
	if boxes != nil {
		boxes.unannotated(opt.Split)
		if boxes.rows == 0 {
			return nil, fmt.Errorf("%s: no box in it is of an image in %s: the name of an image is its ImageID with .jpg", path, dir)
		}
	}
	d := r.finish()
	slices.Sort(d.annotationFiles)
	return d, nil
}

// ofSplit reports whether what a file says of its split, "" if nothing, is of the wanted split: "" has all, and what is of no split
// belongs to train.
func ofSplit(split, wanted string) bool {
	return wanted == "" || split == wanted || split == "" && wanted == "train"
}

// recordSplits returns the splits of files and subsets, "" among them.
func (f *folder) recordSplits() map[string]bool {
	has := make(map[string]bool)
	for _, file := range f.recordFiles() {
		subsets := map[string]bool{}
		if f.kind == kindCVAT {
			subsets = cvatSubsets(f.path(file))
		}
		delete(subsets, "")
		if len(subsets) == 0 {
			has[f.fileSplit(file)] = true
		}
		for split := range subsets {
			has[split] = true
		}
	}
	return has
}

// labelledFile returns what a single file is that is not a COCO file: kindCVAT, kindStudio, kindOpenImages, kindLabelMe, or "".
func labelledFile(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".xml":
		if rootElement(path) == "annotations" {
			return kindCVAT
		}
	case ".csv":
		return kindOpenImages
	default:
		if kind, _ := sniffFile(path); kind != kindCOCO {
			return kind
		}
	}
	return ""
}

// openLabelledFile returns the folder of a single annotation file, of which nothing else is read.
func openLabelledFile(path, kind string) (*folder, error) {
	dir, file := filepath.Split(path)
	f := &folder{dir: filepath.Clean(dir), kind: kind, example: file, single: true}
	switch kind {
	case kindCVAT:
		f.cvat = []string{file}
	case kindStudio:
		f.studio = []string{file}
	case kindOpenImages:
		f.openImages = []string{file}
		beside, err := filepath.Glob(filepath.Join(f.dir, "*.csv"))
		if err != nil {
			return nil, err
		}
		for _, other := range beside {
			if isClassDescriptions(other) {
				f.classFiles = append(f.classFiles, filepath.Base(other))
			}
		}
	default:
		return nil, fmt.Errorf("%s: this is the LabelMe file of one image, want the folder of all", path)
	}
	return f, nil
}
