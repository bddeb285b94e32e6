package coco

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/imaging"
)

// maxList limits the size of a list of images, in bytes.
const maxList = 1 << 30

// vocFiles are the files of a data set by the names of its images.
type vocFiles struct {
	dir            string
	annotationsDir string
	imagesDir      string
	annotations    map[string]string   // file in annotationsDir
	images         map[string][]string // files in imagesDir: images only, .jpg first
}

func findVOCFiles(dir string) (*vocFiles, error) {
	f := &vocFiles{dir: dir, annotationsDir: filepath.Join(dir, "Annotations"), imagesDir: filepath.Join(dir, "JPEGImages"), images: make(map[string][]string)}
	found, err := imaging.List(f.imagesDir)
	if err != nil {
		return nil, fmt.Errorf("%s: images: %w", dir, err)
	}
	for _, path := range found {
		file, err := filepath.Rel(f.imagesDir, path)
		if err != nil {
			return nil, fmt.Errorf("%s: images: %w", dir, err)
		}
		name := trimExt(file)
		f.images[name] = append(f.images[name], file)
	}
	for _, files := range f.images {
		jpegFirst(files)
	}
	f.annotations, err = filesByName(f.annotationsDir, ".xml")
	return f, err
}

// jpegFirst sorts JPEGs, the format of Pascal VOC, before other files of the same name.
func jpegFirst(files []string) {
	slices.SortStableFunc(files, func(a, b string) int { return imageRank(a) - imageRank(b) })
}

func imageRank(file string) int {
	if ext := strings.ToLower(filepath.Ext(file)); ext == ".jpg" || ext == ".jpeg" {
		return 0
	}
	return 1
}

// filesByName maps names without extension to the files of a folder that have an extension, in upper or lower case. Hidden files
// are skipped.
func filesByName(dir, ext string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Dir(dir), err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		file := e.Name()
		if !strings.EqualFold(filepath.Ext(file), ext) || strings.HasPrefix(file, ".") || e.IsDir() {
			continue
		}
		if name := trimExt(file); files[name] == "" || filepath.Ext(file) == ext {
			files[name] = file
		}
	}
	return files, nil
}

// annotation returns the path of the annotation of an image, which need not exist.
func (f *vocFiles) annotation(name string) string {
	file := f.annotations[name]
	if file == "" {
		file = name + ".xml"
	}
	return filepath.Join(f.annotationsDir, file)
}

// annotated reports whether an image has an annotation.
func (f *vocFiles) annotated(name string) bool {
	return f.annotations[name] != "" || filepath.IsLocal(name) && isFile(f.annotation(name))
}

// image returns the file of an image. If several files have the name, the annotation decides.
func (f *vocFiles) image(name, annotated string) string {
	files := f.images[name]
	if slices.Contains(files, annotated) || filepath.IsLocal(annotated) && trimExt(annotated) == name && isFile(filepath.Join(f.imagesDir, annotated)) {
		return annotated
	}
	for _, file := range files {
		if filepath.Base(file) == annotated {
			return file
		}
	}
	if len(files) == 0 {
		return name + ".jpg" // reported by CheckImages, or when it is loaded
	}
	return files[0]
}

// names returns the names of all annotated images, sorted.
func (f *vocFiles) names() ([]string, error) {
	if len(f.annotations) == 0 {
		return nil, fmt.Errorf("%s: no XML file in Annotations", f.dir)
	}
	names := make([]string, 0, len(f.annotations))
	for name := range f.annotations {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// listFolder returns the folder of the lists.
func listFolder(dir string) string { return filepath.Join(dir, "ImageSets", "Main") }

// vocSplits lists the names of the lists in ImageSets/Main, those of single classes ("cat_train" beside "train") left out.
func vocSplits(dir string) ([]string, error) {
	lists, err := filesByName(listFolder(dir), ".txt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range lists {
		at := strings.LastIndexByte(name, '_')
		if at < 0 || lists[name[at+1:]] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// split lists the image names of a split.
func (f *vocFiles) split(split string) ([]string, error) {
	if split == "" {
		have, err := vocSplits(f.dir)
		if err != nil {
			return nil, err
		}
		if len(have) == 0 {
			return f.names()
		}
		return nil, fmt.Errorf("%s: no split given, want one of %s", f.dir, cutList(have))
	}
	path := filepath.Join(listFolder(f.dir), split+".txt")
	if lists, err := filesByName(listFolder(f.dir), ".txt"); err == nil && lists[split] != "" {
		path = filepath.Join(listFolder(f.dir), lists[split])
	}
	text, err := readText(path, maxList)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	names, err := f.parseList(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return names, nil
}

// parseList reads the text of a list: one line per image, which is its name, blanks included. The list of a single class has
// 1, 0 or -1 behind the name.
func (f *vocFiles) parseList(text string) (names []string, err error) {
	line := make(map[string]int)
	n := 0
	for row := range strings.Lines(text) {
		n++
		name := strings.TrimSpace(row)
		if name == "" {
			continue
		}
		if before, ok := trimFlag(name); ok && !f.annotated(name) {
			name = before
		}
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("line %d: %s is not the name of an image", n, cut(name))
		}
		if line[name] != 0 {
			return nil, fmt.Errorf("line %d: %s is on line %d already", n, cut(name), line[name])
		}
		line[name] = n
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, errors.New("the split is empty")
	}
	return names, nil
}

// trimFlag cuts off the last column of a class's list.
func trimFlag(line string) (name string, ok bool) {
	at := strings.LastIndexAny(line, " \t")
	if at < 0 || !slices.Contains([]string{"1", "0", "-1"}, line[at+1:]) {
		return line, false
	}
	return strings.TrimSpace(line[:at]), true
}

// trimExt returns a file name without its extension.
func trimExt(file string) string { return strings.TrimSuffix(file, filepath.Ext(file)) }

// stem returns a file name without folder and extension.
func stem(name string) string { return trimExt(filepath.Base(name)) }
