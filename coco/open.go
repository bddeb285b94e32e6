package coco

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrDuplicateID is what the error of an id that is there twice wraps.
var ErrDuplicateID = errors.New("duplicate id")

// ErrNoImage is what the error of an image whose file is not there wraps, where reading needs the file.
var ErrNoImage = errors.New("no image")

// Options say how a data set is opened; the zero value is fine for a COCO file with its images beside it.
type Options struct {
	Images  string   // COCO: folder of the images; see ReadCOCO for the default
	Split   string   // Pascal VOC: the list in ImageSets/Main; YOLO: the key in data.yaml; e.g. "train"
	Classes []string // classes 1..K in this order, e.g. a model's; empty: the data set's own order

	// Devkit reads Pascal VOC's corners as its devkit counts them: pixels from 1, the last one included.
	Devkit bool
	// Report, where there is one, is told what is wrong with an entry (an unknown or duplicate id, a broken box, a missing
	// file, ...), which is then left out. Without it the first such entry is the error of Open.
	Report func(error)
	// Unsized, where there is one, is told of images whose annotation has no size or a side of 0: such images are looked at here,
	// other readers divide by it. A COCO file whose images have no "width" and "height" at all is none of these.
	Unsized func(error)

	quirks bool // ids that are unknown or there twice are what they are to pycocotools, and no faults
}

// fault is nil if the caller is told what is wrong with an entry and the entry can be left out.
func (o *Options) fault(err error) error {
	if err == nil || o.Report == nil {
		return err
	}
	o.Report(err)
	return nil
}

// unsized tells the caller of an image without a size.
func (o *Options) unsized(err error) {
	if o.Unsized != nil {
		o.Unsized(err)
	}
}

// Open reads the data set at path: a COCO instances file, a folder in Pascal VOC's layout, or a YOLO data set, which is named by its
// data.yaml or the folder with it.
func Open(path string, opt Options) (*Dataset, error) {
	layout, path, err := layoutOf(path)
	if err != nil {
		return nil, err
	}
	if opt.Images != "" && layout != layoutCOCO {
		return nil, fmt.Errorf("%s: a %s data set says where its images are, it takes no folder of images (%s)", path, layout, opt.Images)
	}
	var d *Dataset
	switch layout {
	case layoutVOC:
		return ReadVOC(path, opt)
	case layoutYOLO:
		d, err = ReadYOLO(path, opt)
	default:
		if opt.Split != "" {
			return nil, fmt.Errorf("%s: a COCO file has no splits, it takes no split (%s)", path, opt.Split)
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

// Splits are the names that Options.Split can have for a data set: the lists of a Pascal VOC folder, those of single classes
// left out, or the keys of YOLO's data.yaml. There are none for a COCO file and for a Pascal VOC folder without lists.
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

// layoutOf tells the layout of the data set at path, and the file or folder that its reader takes.
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
	return "", "", fmt.Errorf("%s: no data set: a Pascal VOC folder has Annotations and JPEGImages, a YOLO folder data.yaml; "+
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
