package classify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"scalenet/imaging"
	"scalenet/internal/brief"
)

// Dataset has labelled images.
type Dataset struct {
	Path    string
	Classes []string
	Labels  []int32 // class index per image, from 0

	images images
}

// images gives access to the images of a dataset by index. Both methods are safe for
// concurrent use.
type images interface {
	name(i int) string
	load(i int) (*imaging.Image, error)
}

// Len returns the number of images.
func (d *Dataset) Len() int { return len(d.Labels) }

// CheckClasses returns an error if the classes are not those of something else, such as "the model", in the same order. It names the first that differs,
// counted from 1.
func (d *Dataset) CheckClasses(of string, classes []string) error {
	if len(d.Classes) != len(classes) {
		return fmt.Errorf("%s: has %d classes, %s has %d", d.Path, len(d.Classes), of, len(classes))
	}
	for i, name := range d.Classes {
		if name != classes[i] {
			return fmt.Errorf("%s: class %d is %q, that of %s is %q", d.Path, i+1, brief.Text(name), of, brief.Text(classes[i]))
		}
	}
	return nil
}

// Sample returns n images of the dataset, at equal distances, or all if it has no more.
func (d *Dataset) Sample(n int) *Dataset {
	if n >= d.Len() {
		return d
	}
	s := sample{images: d.images}
	part := &Dataset{Path: d.Path, Classes: d.Classes}
	for i := range n {
		at := i * d.Len() / n
		s.at = append(s.at, at)
		part.Labels = append(part.Labels, d.Labels[at])
	}
	part.images = s
	return part
}

// sample is a part of other images.
type sample struct {
	images
	at []int
}

func (s sample) name(i int) string                  { return s.images.name(s.at[i]) }
func (s sample) load(i int) (*imaging.Image, error) { return s.images.load(s.at[i]) }

// Name returns the file of an image, or for CIFAR the file and the record index.
func (d *Dataset) Name(i int) string { return d.images.name(i) }

// Image loads an image. The error names the image.
func (d *Dataset) Image(i int) (*imaging.Image, error) { return d.images.load(i) }

// The splits of a dataset.
const (
	Train = "train"
	Test  = "test"
)

// Open reads a split, Train or Test, of a dataset. path is one of
//
//   - CIFAR-10 or CIFAR-100 in the binary version: the folder with its files, its parent
//     folder, or the downloaded archive (.tar.gz or .tar.xz)
//   - a folder with train/, and val/ or test/, that have one folder per class, as in
//     ImageNet
//   - a folder that has one folder per class, which is used for both splits
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
