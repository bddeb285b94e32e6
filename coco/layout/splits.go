package layout

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"scalenet/coco"
)

// splitFolders checks the parts of a format whose splits are folders or files of these names. shared is that of names.
func (w *Writer) splitFolders(format string, parts []Part, shared string) error {
	if err := w.holdsImages(format); err != nil {
		return err
	}
	for _, p := range parts {
		if !slices.Contains([]string{"train", "val", "test"}, p.Name) {
			return fmt.Errorf("split %q: a %s data set has train, val and test", p.Name, format)
		}
	}
	w.names(parts, shared)
	return w.check(parts)
}

// oneFile is a format with one annotation file per part, and the images in images/<part>.
type oneFile struct {
	file  func(part string) string // name of the annotation file
	begin func(dir string) error   // checks the classes against those in the folder, before any image is there; may be nil
	// write writes the annotation file. images are those of the part.
	write func(p Part, file string, images []namedImage) error
}

// oneFile writes the parts of such a format.
func (w *Writer) oneFile(ctx context.Context, dir string, parts []Part, format oneFile) error {
	return w.folder(dir, func(dir string) error {
		for _, p := range parts {
			if err := w.free(filepath.Join(dir, format.file(p.Name))); err != nil {
				return err
			}
		}
		if format.begin != nil {
			if err := format.begin(dir); err != nil {
				return err
			}
		}
		for _, p := range parts {
			if err := w.oneFilePart(ctx, dir, p, format); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *Writer) oneFilePart(ctx context.Context, dir string, p Part, format oneFile) error {
	w.masks(p.Data)
	var images []namedImage
	err := w.part(filepath.Join(dir, "images", p.Name), func(folder string) error {
		return w.each(ctx, p.Data, func(i int, name string) error {
			images = append(images, namedImage{i, path.Join("images", p.Name, name)})
			return w.put(p.Data, i, filepath.Join(folder, name))
		})
	})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, format.file(p.Name))
	w.file(file)
	return format.write(p, file, images)
}

// namedImage is image i of a data set with its path in the new folder, with slashes.
type namedImage struct {
	i    int
	path string
}

// negative reports whether a box has a negative side, which is left out.
func (w *Writer) negative(d *coco.Dataset, at int32) bool {
	a := &d.Annotations[at]
	if a.Box[2] >= 0 && a.Box[3] >= 0 {
		return false
	}
	w.Remarks.Add("box of a negative side, left out", "%s", where(d, at))
	return true
}

// leftOut reports whether an object is left out because it counts neither as found nor as missed: without a flag that says so it
// would be an ordinary one.
func (w *Writer) leftOut(d *coco.Dataset, at int32) bool {
	switch a := &d.Annotations[at]; {
	case a.Crowd:
		w.Remarks.Add("crowd, left out", "%s", where(d, at))
	case a.Ignore:
		w.Remarks.Add(`object with "ignore", left out`, "%s", where(d, at))
	default:
		return false
	}
	return true
}

// unkept adds remarks on flags of an object that a format does not have.
func (w *Writer) unkept(d *coco.Dataset, at int32, flags ...string) {
	set := setFlags(&d.Annotations[at])
	for _, name := range flags {
		if set[name] {
			w.Remarks.Add(fmt.Sprintf("flag %q, not kept", name), "%s", where(d, at))
		}
	}
}
