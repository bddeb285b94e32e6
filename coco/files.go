package coco

import "path/filepath"

// Sources returns the files and folders that the data set at path is read from: the COCO file, the folders of a Pascal VOC data
// set, YOLO's data.yaml, or any other folder as a whole. [Dataset.Files] includes the images.
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

// Files returns all files and folders that the data set was read from, and its images. Those of a folder that links lead to are
// named, because the folder itself does not have them.
func (d *Dataset) Files() []string {
	files := append(Sources(d.Path), d.annotationFiles...)
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
