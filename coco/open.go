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
	Images  string   // COCO: folder of the images; see ReadCOCO for the default
	Split   string   // Pascal VOC: the list in ImageSets/Main; YOLO: the key in data.yaml; e.g. "train"
	Classes []string // names of classes 1..K, e.g. those of a model; default the order of the data set

	// Devkit reads Pascal VOC boxes in devkit coordinates: 1-based inclusive pixels. The default is 0-based, exclusive.
	Devkit bool
	// Report is called with each fault of an entry (unknown or duplicate id, invalid box, missing file, ...), and the entry is
	// left out. If Report is nil, Open returns the first fault as its error.
	Report func(error)
	// Unsized, if not nil, is called for images whose annotated width or height is missing or 0. Their size is read from the
	// image file, but other software may divide by 0. A COCO file in which no image has "width" and "height" is not reported.
	Unsized func(error)

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

// Open reads the data set at path: a COCO instances file, a Pascal VOC folder, or a YOLO data set (data.yaml or its folder).
func Open(path string, opt Options) (*Dataset, error) {
	layout, path, err := layoutOf(path)
	if err != nil {
		return nil, err
	}
	if opt.Images != "" && layout != layoutCOCO {
		return nil, fmt.Errorf("%s: a %s data set has its own image folder, so an image folder (%s) must not be given", path, layout, opt.Images)
	}
	var d *Dataset
	switch layout {
	case layoutVOC:
		return ReadVOC(path, opt)
	case layoutYOLO:
		d, err = ReadYOLO(path, opt)
	default:
		if opt.Split != "" {
			return nil, fmt.Errorf("%s: a COCO file has no splits, so a split (%s) must not be given", path, opt.Split)
		}
		d, err = readCOCO(path, opt)
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
// of single classes, or the keys of YOLO's data.yaml. It returns none for a COCO file and for a Pascal VOC folder without lists.
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
	}
	return nil, nil
}

const (
	layoutCOCO = "COCO"
	layoutVOC  = "Pascal VOC"
	layoutYOLO = "YOLO"
)

// layoutOf detects the format of the data set at path, and returns the file or folder for its reader.
func layoutOf(path string) (layout, at string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", "", fmt.Errorf("data set: %w", err)
	}
	yaml := []string{".yaml", ".yml"}
	if !info.IsDir() {
		if slices.Contains(yaml, strings.ToLower(filepath.Ext(path))) {
			return layoutYOLO, path, nil
		}
		return layoutCOCO, path, nil
	}
	if isDir(filepath.Join(path, "Annotations")) {
		return layoutVOC, path, nil
	}
	for _, ext := range yaml {
		if file := filepath.Join(path, "data"+ext); isFile(file) {
			return layoutYOLO, file, nil
		}
	}
	return "", "", fmt.Errorf("%s: not a data set: a Pascal VOC folder has Annotations and JPEGImages, a YOLO folder data.yaml; "+
		"of a COCO data set name the JSON file", path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
