package classify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"scalenet/imaging"
)

// Dataset is labelled images.
type Dataset struct {
	Path    string
	Classes []string
	Labels  []int32 // of each image, from 0

	images images
}

// images gives a data set's images by their index. Both methods are safe
// for several goroutines.
type images interface {
	name(i int) string
	load(i int) (*imaging.Image, error)
}

// Len is the number of images.
func (d *Dataset) Len() int { return len(d.Labels) }

// Name is an image's file, or its file and place.
func (d *Dataset) Name(i int) string { return d.images.name(i) }

// Image loads an image; errors name it.
func (d *Dataset) Image(i int) (*imaging.Image, error) { return d.images.load(i) }

// The parts of a data set.
const (
	Train = "train"
	Test  = "test"
)

// Open reads a part, Train or Test, of a data set:
//
//   - CIFAR-10 or CIFAR-100 in the binary version: the folder with its files, the
//     folder above it, or the archive (.tar.gz or .tar.xz) as downloaded;
//   - a folder with a folder for each class in train/, and in val/ or test/, as
//     ImageNet is laid out;
//   - such a folder of classes itself, whatever the part.
func Open(path, part string) (*Dataset, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("images: %w", err)
	}
	if !info.IsDir() {
		if isArchive(path) {
			return openCIFAR(path, part)
		}
		return nil, fmt.Errorf("%s: want a folder of images, or an archive of CIFAR (.tar.gz, .tar.xz)", path)
	}
	if files, err := cifarFolder(path); err != nil || files != "" {
		if err != nil {
			return nil, err
		}
		return openCIFAR(files, part)
	}
	var folders []string
	switch part {
	case Train:
		folders = []string{"train"}
	case Test:
		folders = []string{"val", "test"}
	}
	for _, name := range folders {
		if folder := filepath.Join(path, name); isFolder(folder) {
			return openFolder(folder)
		}
	}
	return openFolder(path)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isArchive(path string) bool {
	for _, ending := range []string{".tar.gz", ".tgz", ".tar.xz"} {
		if strings.HasSuffix(path, ending) {
			return true
		}
	}
	return false
}
