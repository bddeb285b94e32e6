package coco

import "path/filepath"

// Sources returns the files and folders that the data set at path is read from: the COCO file, the folders of a Pascal VOC data
// set, or YOLO's data.yaml. [Dataset.Files] includes the images.
func Sources(path string) []string {
	layout, at, err := layoutOf(path)
	switch {
	case err != nil:
		return nil // opening the data set returns the error
	case layout == layoutVOC:
		return []string{filepath.Join(at, "Annotations"), filepath.Join(at, "ImageSets"), filepath.Join(at, "JPEGImages")}
	}
	return []string{at}
}

// Files returns all files and folders that the data set was read from, and its images.
func (d *Dataset) Files() []string {
	files := Sources(d.Path)
	layout, _, err := layoutOf(d.Path)
	for i := range d.Images {
		image := d.ImagePath(i)
		files = append(files, image)
		if err == nil && layout == layoutYOLO {
			files = append(files, labelsOf(image))
		}
	}
	return files
}
