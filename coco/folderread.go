package coco

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// rootElement returns the name of the root element of an XML file, or "" if it cannot be read.
func rootElement(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	dec := xml.NewDecoder(xmlText(io.LimitReader(f, maxAnnotationFile)))
	dec.CharsetReader = declaredText
	for {
		token, err := dec.RawToken()
		if err != nil {
			return ""
		}
		if root, ok := token.(xml.StartElement); ok {
			return root.Name.Local
		}
	}
}

// readXML reads the annotated images of a split. Classes are numbered by the names in all XML files, whatever the split.
func (f *folder) readXML(opt Options) (*Dataset, error) {
	for _, file := range f.alone {
		if !inSplit(file, opt.Split) {
			continue
		}
		if err := opt.fault(fmt.Errorf("%s: %w of this name", f.path(file), ErrNoImage)); err != nil {
			return nil, err
		}
	}
	if len(f.pairs) == 0 { // what is there is unclear, and that was reported
		d := &Dataset{Path: f.dir, ImagesDir: f.dir}
		d.index()
		return d, nil
	}
	files := vocFiles{dir: f.dir, annotationsDir: f.dir, imagesDir: f.dir, annotations: make(map[string]string), images: make(map[string][]string)}
	annotated := make(map[string]bool)
	var names, read []string
	for _, p := range f.pairs {
		files.annotations[p.annotation], files.images[p.annotation] = p.annotation, p.images
		for _, image := range p.images {
			annotated[image] = true
		}
		if inSplit(p.images[0], opt.Split) {
			names, read = append(names, p.annotation), append(read, f.path(p.annotation))
		}
	}
	for _, image := range f.images {
		if !annotated[image] && inSplit(image, opt.Split) {
			opt.unannotated(fmt.Errorf("%s: no annotation file of this name", f.path(image)))
		}
	}
	d, err := files.read(names, opt)
	if err != nil {
		return nil, err
	}
	d.annotationFiles = read
	return d, nil
}

// readLabels reads the images of a split. An image without label file has no objects.
func (f *folder) readLabels(opt Options) (*Dataset, error) {
	file, err := f.classes()
	if err != nil {
		return nil, err
	}
	labels := make(map[string]string)
	for _, p := range f.pairs {
		for _, image := range p.images {
			labels[f.path(image)] = f.path(p.annotation)
		}
	}
	var images, read []string
	for _, image := range f.images {
		if inSplit(image, opt.Split) {
			images = append(images, f.path(image))
		}
	}
	for _, image := range images {
		if labels[image] != "" {
			read = append(read, labels[image])
		}
	}
	for _, name := range f.names {
		read = append(read, f.path(name))
	}
	slices.Sort(read)
	d := &Dataset{Path: f.dir, ImagesDir: f.dir, annotationFiles: slices.Compact(read), Changes: Remarks{Keep: opt.Names}}
	for _, name := range f.alone {
		if inSplit(name, opt.Split) {
			file.remarkIfLabels(d, f.path(name), f.dir)
		}
	}
	return file.read(d, images, func(image string) string { return labels[image] }, opt)
}

// fewNames is the number of images that an image folder is recognised by.
const fewNames = 5

// readInstances reads the COCO file of a split.
func (f *folder) readInstances(opt Options) (*Dataset, error) {
	files, err := f.instancesBySplit()
	if err != nil {
		return nil, err
	}
	file := files[opt.Split]
	d, err := readCOCO(f.path(file), opt)
	if err == nil {
		d.leaveOutProject(f.path(file), &opt)
	}
	if err != nil || opt.Images != "" {
		return d, err
	}
	d.ImagesDir, err = f.imagesOf(d, splitOfInstances(file))
	return d, err
}

// firstNames returns the names of the first few images.
func firstNames(d *Dataset) []string {
	var names []string
	for i := range d.Images {
		if name := filepath.FromSlash(d.Images[i].FileName); filepath.IsLocal(name) {
			if names = append(names, name); len(names) == fewNames {
				break
			}
		}
	}
	return names
}

// hasAny reports whether one of the images is in a folder.
func hasAny(dir string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return isFile(filepath.Join(dir, name)) })
}

// imagesOf returns the image folder of a COCO file: the one of ReadCOCO, or else the folder "images", or the folder
// below in which most of the first few images are. If there are several, the one of the same split is taken.
func (f *folder) imagesOf(d *Dataset, split string) (string, error) {
	names := firstNames(d)
	for _, dir := range []string{d.ImagesDir, f.path("images")} {
		if len(names) == 0 || hasAny(dir, names) {
			return dir, nil
		}
	}
	found := f.foldersWith(names)
	if len(found) > 1 {
		same := slices.DeleteFunc(slices.Clone(found), func(dir string) bool { return split == "" || splitOf(filepath.Join(dir, "x")) != split })
		if len(same) == 1 {
			found = same
		}
	}
	switch len(found) {
	case 0:
		return d.ImagesDir, nil // CheckImages says where the images are expected
	case 1:
		return f.path(found[0]), nil
	}
	return "", fmt.Errorf("%s: images[0].file_name: %s is in %d folders of %s, %s: name the image folder", d.Path, cut(names[0]), len(found), f.dir, cutList(found))
}

// foldersWith returns the folders in which most of the names are found, sorted.
func (f *folder) foldersWith(names []string) (dirs []string) {
	there := make(map[string]int)
	for _, name := range names {
		for _, image := range f.images {
			if image == name {
				there["."]++
			} else if dir, ok := cutFile(image, name); ok {
				there[dir]++
			}
		}
	}
	most := 0
	for dir, n := range there {
		if n > most {
			dirs, most = nil, n
		}
		if n == most {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// cutFile cuts the relative path name off the end of a path.
func cutFile(path, name string) (dir string, ok bool) {
	rest := len(path) - len(name) - 1
	if rest < 1 || path[rest+1:] != name || path[rest] != filepath.Separator {
		return "", false
	}
	return path[:rest], true
}
