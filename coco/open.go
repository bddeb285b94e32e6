package coco

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrDuplicateID is wrapped by errors of duplicate ids.
var ErrDuplicateID = errors.New("duplicate id")

// ErrNoImage is wrapped by errors of missing image files, if reading the data set needs the file.
var ErrNoImage = errors.New("no image")

// Options are the options of Open. The zero value suits a COCO file with its images in the same folder.
type Options struct {
	Images  string   // folder of the images. COCO: see ReadCOCO for the default. CVAT, Label Studio, Open Images: the default is that of the file
	Split   string   // Pascal VOC: the list in ImageSets/Main; YOLO: the key in data.yaml; other folders: "train", "val" or "test"
	Classes []string // names of classes 1..K, e.g. those of a model; default the order of the data set

	// Devkit reads Pascal VOC boxes in devkit coordinates: 1-based inclusive pixels. The default is 0-based, exclusive.
	Devkit bool
	// Report is called with each fault of an entry (unknown or duplicate id, invalid box, missing file, ...), and the entry is
	// left out. If Report is nil, Open returns the first fault as its error.
	Report func(error)
	// Unsized, if not nil, is called for images whose annotated width or height is missing or 0. Their size is read from the
	// image file, but other software may divide by 0. A COCO file in which no image has "width" and "height" is not reported.
	Unsized func(error)
	// Unannotated, if not nil, is called for images that are left out, because nothing says which objects they have: a folder has XML
	// or LabelMe files and none for them, a task of Label Studio was skipped or not worked on, Open Images has no box.
	Unannotated func(error)
	// Names is the number of texts that are kept per kind of Dataset.Changes, -1 for all. They are counted in any case.
	Names int

	quirks bool // unknown and duplicate ids are treated as in pycocotools and are not faults
}

// fault reports err and returns nil if Report is set, so that the entry can be left out. Otherwise it returns err.
func (o *Options) fault(err error) error {
	if err == nil || o.Report == nil {
		return err
	}
	o.Report(err)
	return nil
}

// unsized reports an image without annotated size.
func (o *Options) unsized(err error) {
	if o.Unsized != nil {
		o.Unsized(err)
	}
}

// unannotated reports an image without annotation.
func (o *Options) unannotated(err error) {
	if o.Unannotated != nil {
		o.Unannotated(err)
	}
}

// Open reads the data set at path: a COCO instances file, a Pascal VOC folder, a YOLO data set (data.yaml or its folder), or any
// other folder with images and annotations below it. A file of CVAT ("CVAT for images 1.1"), Label Studio (JSON export) or Open Images
// (CSV of boxes) is recognised by its content.
//
// Of such a folder, all subfolders are read, by the rules of imaging.List. Its annotations are of one kind:
//   - XML files of Pascal VOC. Images without are left out, see Options.Unannotated. An XML file without image is a fault.
//   - YOLO's label files. An image without has no objects. Class names are those of classes.txt, *.names or data.yaml.
//   - COCO instances files, one per split. The image folder is found by the file names, unless Options.Images is given.
//   - JSON files of LabelMe. Their image is "imagePath", or else the one of the same name.
//   - Files of CVAT, Label Studio or Open Images. Their images are found by the paths, addresses or ids in them.
//
// Polygons, masks and others become their bounding boxes, which Dataset.Changes counts.
//
// XML and label files belong to the image of the same name. If several files have it, those belong together whose paths share most
// folders. A folder named train, val (valid, validation) or test, anywhere in the path of an image, is its split. Images in no such
// folder are training data if other splits exist.
func Open(path string, opt Options) (*Dataset, error) {
	layout, path, err := layoutOf(path)
	if err != nil {
		return nil, err
	}
	if opt.Images != "" && (layout == layoutVOC || layout == layoutYOLO) {
		return nil, fmt.Errorf("%s: a %s data set has its own image folder, so an image folder (%s) must not be given", path, layout, opt.Images)
	}
	var d *Dataset
	switch layout {
	case layoutVOC:
		return ReadVOC(path, opt)
	case layoutYOLO:
		d, err = ReadYOLO(path, opt)
	case layoutFolder, layoutLabelled:
		var f *folder
		if f, err = openAnyFolder(layout, path); err != nil {
			return nil, err
		}
		d, err = f.read(opt)
	default:
		if opt.Split != "" {
			return nil, fmt.Errorf("%s: a COCO file has no splits, so a split (%s) must not be given", path, opt.Split)
		}
		if d, err = readCOCO(path, opt); err == nil {
			d.leaveOutProject(path, &opt)
		}
	}
	if err == nil && len(opt.Classes) > 0 {
		err = d.useClasses(opt.Classes)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Splits returns the values that Options.Split can have for the data set at path: the lists of a Pascal VOC folder without those
// of single classes, the keys of YOLO's data.yaml, or those of train, val and test that another folder has. It returns none for a
// COCO file, for a Pascal VOC folder without lists and for a folder with none of these names in it.
func Splits(path string) ([]string, error) {
	layout, path, err := layoutOf(path)
	if err != nil {
		return nil, err
	}
	switch layout {
	case layoutVOC:
		return vocSplits(path)
	case layoutYOLO:
		file, err := readYOLOFile(path)
		if err != nil {
			return nil, err
		}
		return file.splits(), nil
	case layoutFolder, layoutLabelled:
		f, err := openAnyFolder(layout, path)
		if err != nil {
			return nil, err
		}
		return f.splits()
	}
	return nil, nil
}

// AbsentSplits returns those of Splits of which nothing exists: a data.yaml may name folders that were never exported.
func AbsentSplits(path string) ([]string, error) {
	layout, path, err := layoutOf(path)
	if err != nil || layout != layoutYOLO {
		return nil, err
	}
	file, err := readYOLOFile(path)
	if err != nil {
		return nil, err
	}
	return file.absent(file.root(filepath.Dir(path))), nil
}

const (
	layoutCOCO = "COCO"
	layoutVOC  = "Pascal VOC"
	layoutYOLO = "YOLO"

	layoutFolder   = "folder"
	layoutLabelled = "file of a labelling tool"
)

func openAnyFolder(layout, path string) (*folder, error) {
	if layout == layoutLabelled {
		return openLabelledFile(path, labelledFile(path))
	}
	return openFolder(path)
}

// layoutOf detects the format of the data set at path, and returns the file or folder for its reader.
func layoutOf(path string) (layout, at string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("data set: %w", err)
	}
	yaml := []string{".yaml", ".yml"}
	if !info.IsDir() {
		if slices.Contains(yaml, strings.ToLower(filepath.Ext(path))) {
			if namesClasses(path) && onlyNames(path) {
				return layoutFolder, filepath.Dir(path), nil
			}
			return layoutYOLO, path, nil
		}
		if labelledFile(path) != "" {
			return layoutLabelled, path, nil
		}
		return layoutCOCO, path, nil
	}
	if isDir(filepath.Join(path, "Annotations")) && (isDir(filepath.Join(path, "JPEGImages")) || isDir(filepath.Join(path, "ImageSets"))) {
		return layoutVOC, path, nil
	}
	for _, ext := range yaml {
		if file := filepath.Join(path, "data"+ext); isFile(file) && !onlyNames(file) {
			return layoutYOLO, file, nil
		}
	}
	return layoutFolder, path, nil
}

// onlyNames reports whether a data.yaml has class names but no images. It is then a file of class names of its folder.
func onlyNames(path string) bool {
	file, err := readYOLOFile(path)
	return err == nil && len(file.splits()) == 0 // reading a broken one says why
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
