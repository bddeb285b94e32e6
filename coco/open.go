package coco

import (
	"fmt"
	"os"
	"path/filepath"
)

// Options say how a data set is opened; the zero value is fine for a COCO file with its pictures beside it.
type Options struct {
	Images  string   // COCO: folder of the pictures; see ReadCOCO for the default
	Split   string   // Pascal VOC: the list in ImageSets/Main, e.g. "train"
	Classes []string // classes 1..K in this order, e.g. a model's; empty: the data set's own order
}

// Open reads the data set at path: a folder in Pascal VOC's layout or a COCO instances file.
func Open(path string, opt Options) (*Dataset, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("data set: %w", err)
	}
	if info.IsDir() {
		if _, err := os.Stat(filepath.Join(path, "Annotations")); err != nil {
			return nil, fmt.Errorf("%s: no data set: a Pascal VOC folder has Annotations and JPEGImages; of a COCO data set name the JSON file", path)
		}
		if opt.Images != "" {
			return nil, fmt.Errorf("%s: a Pascal VOC folder has its own JPEGImages, it takes no folder of images (%s)", path, opt.Images)
		}
		return ReadVOC(path, opt.Split, opt.Classes...)
	}
	if opt.Split != "" {
		return nil, fmt.Errorf("%s: a COCO file has no splits, it takes no split (%s)", path, opt.Split)
	}
	d, err := ReadCOCO(path, opt.Images)
	if err != nil {
		return nil, err
	}
	if len(opt.Classes) > 0 {
		if err := d.useClasses(opt.Classes); err != nil {
			return nil, err
		}
	}
	return d, nil
}
