package coco

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// remarkShared adds a remark for each image that has the objects of another, because both have one label file: a.jpg and a.png.
func remarkShared(d *Dataset, images []string, read []yoloImage, labelsOf func(image string) string) {
	first := make(map[string]string, len(images)) // image by label file
	seen := make(map[string]bool, len(images))    // images, which may be listed twice
	for i, image := range images {
		if len(read[i].objects) == 0 || seen[image] {
			continue
		}
		seen[image] = true
		labels := labelsOf(image)
		if other, taken := first[labels]; taken {
			d.Changes.Add("two images with one label file", "%s: labels of %s, and of %s", labels, other, image)
		} else {
			first[labels] = image
		}
	}
}

// remarkAlone adds a remark for each label file with objects that lies beside those of the images and that no image has.
func (f *yoloFile) remarkAlone(d *Dataset, images []string) {
	seen := make(map[string]bool) // folders of images
	for _, image := range images {
		if dir := filepath.Dir(image); !seen[dir] {
			seen[dir] = true
			f.remarkAloneIn(d, filepath.Dir(labelsOf(image)), dir)
		}
	}
}

// remarkAloneIn adds the remarks of a folder of labels. All images of their folder count, of whatever split. A folder that cannot be read has no remarks:
// reading its files gives the error.
func (f *yoloFile) remarkAloneIn(d *Dataset, labels, images string) {
	files, _ := os.ReadDir(labels)
	beside, _ := os.ReadDir(images)
	has := make(map[string]bool, len(beside))
	for _, e := range beside {
		if !isLabels(e.Name()) {
			has[stem(e.Name())] = true
		}
	}
	files = slices.DeleteFunc(files, func(e os.DirEntry) bool { return !isLabels(e.Name()) || has[stem(e.Name())] })
	for _, e := range files {
		f.remarkIfLabels(d, filepath.Join(labels, e.Name()), images)
	}
}

// remarkIfLabels adds the remark if the file has labels, as classes.txt and others have not.
func (f *yoloFile) remarkIfLabels(d *Dataset, path, images string) {
	if objects, _ := f.readLabels(path); len(objects) > 0 {
		d.Changes.Add("label file without image", "%s: no image of this name in %s", path, images)
	}
}

func isLabels(name string) bool { return strings.EqualFold(filepath.Ext(name), ".txt") }
