package classify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"scalenet/imaging"
)

// folder has images as files.
type folder struct{ files []string }

func (f *folder) name(i int) string { return f.files[i] }

func (f *folder) load(i int) (*imaging.Image, error) {
	return imaging.Load(f.files[i], imaging.Limits{})
}

// openFolder reads a folder that has one folder of images per class, as torchvision's
// ImageFolder. Classes are sorted by name, and the images of a class by path. The folders
// are searched recursively, and links to folders are followed (imaging.List).
func openFolder(path string) (*Dataset, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	d, files := &Dataset{Path: path}, &folder{}
	d.images = files
	for _, e := range entries {
		class := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), ".") || !isFolder(class) {
			continue
		}
		inside, err := imaging.List(class)
		if err != nil {
			return nil, err
		}
		for _, file := range inside {
			files.files = append(files.files, file)
			d.Labels = append(d.Labels, int32(len(d.Classes)))
		}
		d.Classes = append(d.Classes, e.Name())
	}
	if len(d.Classes) == 0 {
		return nil, fmt.Errorf("%s: no class folders and no CIFAR files in it", path)
	}
	if d.Len() == 0 {
		return nil, fmt.Errorf("%s: no images in the folders of its %d classes", path, len(d.Classes))
	}
	return d, nil
}
