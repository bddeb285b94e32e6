package coco

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/imaging"
)

// folder is a folder with images and annotations in subfolders of any name. Paths are relative to dir and sorted.
type folder struct {
	dir    string
	images []string
	xml    []string // with the root element of an annotation
	labels []string // text files that may be label files
	names  []string // files with class names
	json   []string
	coco   []string // COCO instances files

	labelMe, cvat, studio, openImages []string // files of labelling tools
	csv, classFiles                   []string // CSV files, and those of them with class names

	otherXML int  // with another root element
	single   bool // only one file is read, with the images of dir
	pairs    []filePair
	alone    []string // annotations without image
	unclear  []error  // files of the same name of which it is unclear which belong together
	kind     string
	example  string // an annotation file
}

// The kinds of annotation files of a folder.
const (
	kindCOCO   = "COCO instances files"
	kindXML    = "XML files"
	kindLabels = "label files"

	kindLabelMe    = "LabelMe files"
	kindCVAT       = "CVAT files"
	kindStudio     = "Label Studio files"
	kindOpenImages = "Open Images CSV files"
)

// openFolder lists the files of a folder and finds out what its annotations are.
func openFolder(dir string) (*folder, error) {
	f, err := listFolderFiles(dir)
	if err != nil {
		return nil, err
	}
	f.sortJSON()
	xml, labels := matchFiles(f.images, f.xml), matchFiles(f.images, f.labels)
	var kinds []string
	for _, k := range []struct {
		kind, example string
		n             int
	}{{kindCOCO, firstOf(f.coco), len(f.coco)}, {kindXML, firstOf(f.xml), len(xml.pairs) + len(xml.unclear)},
		{kindLabels, labels.example, len(labels.pairs) + len(labels.unclear)},
		{kindLabelMe, firstOf(f.labelMe), len(f.labelMe)}, {kindCVAT, firstOf(f.cvat), len(f.cvat)},
		{kindStudio, firstOf(f.studio), len(f.studio)}, {kindOpenImages, firstOf(f.openImages), len(f.openImages)}} {
		if k.n > 0 {
			kinds = append(kinds, fmt.Sprintf("%s (%.100s)", k.kind, k.example))
			f.kind, f.example = k.kind, k.example
		}
	}
	switch {
	case len(kinds) > 1:
		return nil, fmt.Errorf("%s: has %s, of which only one can be the annotations: name the file or folder of one, or move the others away",
			dir, strings.Join(kinds, " and "))
	case len(kinds) == 0:
		return nil, f.nothing()
	}
	m := labels
	if f.kind == kindXML {
		m = xml
	}
	f.pairs, f.alone, f.unclear = m.pairs, m.alone, m.unclear
	return f, nil
}

// listFolderFiles lists the files that may be read.
func listFolderFiles(dir string) (*folder, error) {
	f := &folder{dir: dir}
	lists := map[string]*[]string{".xml": &f.xml, ".txt": &f.labels, ".json": &f.json, ".csv": &f.csv}
	found, err := imaging.Files(dir, func(path string) bool {
		return imaging.IsImage(path) || namesClasses(path) || lists[strings.ToLower(filepath.Ext(path))] != nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, path := range found {
		file, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		switch {
		case imaging.IsImage(file):
			f.images = append(f.images, file)
		case namesClasses(file):
			f.names = append(f.names, file)
		default:
			list := lists[strings.ToLower(filepath.Ext(file))]
			*list = append(*list, file)
		}
	}
	f.sortXML()
	for _, file := range f.csv {
		switch {
		case isOpenImages(f.path(file)):
			f.openImages = append(f.openImages, file)
		case isClassDescriptions(file):
			f.classFiles = append(f.classFiles, file)
		}
	}
	return f, nil
}

// sortXML tells the XML files apart by their root elements.
func (f *folder) sortXML() {
	all := f.xml
	roots := make([]string, len(all))
	parallel(len(all), func(_ *struct{}, i int) { roots[i] = rootElement(f.path(all[i])) })
	f.xml = nil
	for i, file := range all {
		switch roots[i] {
		case "annotation", "": // without a root element, reading it says why
			f.xml = append(f.xml, file)
		case "annotations":
			f.cvat = append(f.cvat, file)
		}
	}
	f.otherXML = len(all) - len(f.xml) - len(f.cvat)
}

// path returns the path of a file of the folder.
func (f *folder) path(file string) string { return filepath.Join(f.dir, file) }

// nothing is the error of a folder without annotations: what was seen, and what would be read.
func (f *folder) nothing() error {
	seen := fmt.Sprintf("%d images, %d XML files, %d text files, %d JSON files", len(f.images), len(f.xml)+f.otherXML, len(f.labels), len(f.json))
	if len(f.csv) > 0 {
		seen += fmt.Sprintf(", %d CSV files", len(f.csv))
	}
	why := ""
	switch {
	case len(f.images) > 0 && len(f.xml) > 0:
		why = fmt.Sprintf("; no image has the name of an XML file, such as %s", cut(firstOf(f.xml)))
	case f.otherXML > 0 && len(f.xml) == 0:
		why = `; no XML file has the root element "annotation" or, of CVAT, "annotations"`
	case len(f.images) > 0 && len(f.labels) > 0:
		why = fmt.Sprintf("; no image has the name of a text file, such as %s", cut(firstOf(f.labels)))
	case len(f.csv) > 0:
		why = fmt.Sprintf("; no CSV file has the columns of Open Images (ImageID, LabelName, XMin, ...), such as %s", cut(firstOf(f.csv)))
	case len(f.json) > 0:
		why = fmt.Sprintf("; %s", f.notInstances())
	}
	return fmt.Errorf("%s: not a data set: found %s%s. What is read, in subfolders of any name: "+
		"images (%s) with XML files (Pascal VOC), label files (YOLO) or JSON files (LabelMe) of the same name, one COCO instances file "+
		"per split, or files of CVAT (images 1.1), Label Studio (JSON) or Open Images (CSV)",
		f.dir, seen, why, strings.Join(imaging.Extensions(), " "))
}

// read reads a split, or everything if there are no splits.
func (f *folder) read(opt Options) (*Dataset, error) {
	have, err := f.splits()
	if err != nil {
		return nil, err
	}
	switch {
	case opt.Split == "" && len(have) == 1:
		opt.Split = have[0]
	case opt.Split == "" && len(have) > 1:
		return nil, fmt.Errorf("%s: no split given, want one of %q", f.dir, have)
	case opt.Split != "" && len(have) == 0:
		return nil, fmt.Errorf("%s: has no folders train, val or test, so a split (%s) must not be given", f.dir, opt.Split)
	case opt.Split != "" && !slices.Contains(have, opt.Split):
		return nil, fmt.Errorf("%s: unknown split %s, want one of %q", f.dir, cut(opt.Split), have)
	}
	switch {
	case f.kind == kindCOCO:
		return f.readInstances(opt)
	case f.byAddress():
		return f.readRecords(opt)
	case opt.Images != "":
		return nil, fmt.Errorf("%s: images and %s are found by name in this folder, so an image folder (%s) must not be given", f.dir, f.kind, opt.Images)
	}
	for _, err := range f.unclear {
		if err := opt.fault(fmt.Errorf("%s: %w", f.dir, err)); err != nil {
			return nil, err
		}
	}
	switch f.kind {
	case kindXML:
		return f.readXML(opt)
	case kindLabelMe:
		return f.readLabelMe(opt)
	}
	return f.readLabels(opt)
}

// firstOf returns the first of a list, or "".
func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
