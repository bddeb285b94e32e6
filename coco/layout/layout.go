package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/geom"
	"scalenet/imaging"
)

// ImageFiles says what is done with the image files of a data set.
type ImageFiles string

const (
	Leave ImageFiles = "leave" // write no image files; only a COCO file can refer to files elsewhere
	Link  ImageFiles = "link"  // symbolic links in the new folder
	Copy  ImageFiles = "copy"
)

// Part is a split of a data set.
type Part struct {
	Name string
	Data *coco.Dataset
}

// Writer writes data sets and counts what it has written.
type Writer struct {
	ImageFiles ImageFiles
	Devkit     bool           // Pascal VOC: write devkit coordinates, 1-based inclusive whole pixels
	Add        bool           // folders: add the parts to an existing data set
	Overwrite  bool           // files: replace an existing file
	Remarks    coco.Remarks   // entries that were skipped or changed
	Progress   func(done int) // called with the number of images done; may be nil
	Images     int            // written
	Boxes      int            // written

	nested  bool            // file names without folders would be ambiguous
	shared  string          // what images share whose names differ in the extension only, with * for the rest: "label file *.txt"
	written map[string]bool // classes of which an object was written
	made    []func()        // remove what was made so far, see whole
}

// COCO writes one data set as an instances file. Linked or copied images go to the folder "images" next to the file,
// where ReadCOCO finds them.
func (w *Writer) COCO(ctx context.Context, file string, d *coco.Dataset) error {
	if err := w.free(file); err != nil {
		return err
	}
	w.masks(d)
	w.sizes(d)
	if w.ImageFiles == Leave {
		w.Images, w.Boxes = len(d.Images), len(d.Annotations)
		return coco.WriteCOCO(file, d)
	}
	w.names([]Part{{Data: d}}, "")
	return w.whole(func() error {
		return w.move(ctx, file, filepath.Join(filepath.Dir(file), "images"), Part{Data: d})
	})
}

// COCOFolder writes the parts as dir/instances_<part>.json, with the images in dir/images/<part>.
func (w *Writer) COCOFolder(ctx context.Context, dir string, parts []Part) error {
	if err := w.holdsImages("COCO"); err != nil {
		return err
	}
	w.names(parts, "")
	return w.folder(dir, func(dir string) error {
		for _, p := range parts {
			file := filepath.Join(dir, "instances_"+p.Name+".json")
			if err := w.free(file); err != nil {
				return err
			}
			w.masks(p.Data)
			w.sizes(p.Data)
			if err := w.move(ctx, file, filepath.Join(dir, "images", p.Name), p); err != nil {
				return err
			}
		}
		return nil
	})
}

// move links or copies the images of a part to a new folder and writes the instances file that refers to them.
func (w *Writer) move(ctx context.Context, file, folder string, p Part) error {
	kept := make([]string, len(p.Data.Images))
	err := w.part(folder, func(folder string) error {
		return w.each(ctx, p.Data, func(i int, name string) error {
			kept[i] = path.Join(p.Name, name)
			return w.put(p.Data, i, filepath.Join(folder, name))
		})
	})
	if err != nil {
		return err
	}
	moved := p.Data.Renamed(kept)
	w.Boxes += len(moved.Annotations)
	w.file(file)
	return coco.WriteCOCO(file, moved)
}

// free returns an error if the file exists.
func (w *Writer) free(file string) error {
	if _, err := os.Lstat(file); w.Overwrite || errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return fmt.Errorf("%s: already exists", file)
}

// holdsImages returns an error for Leave, which a folder format does not support.
func (w *Writer) holdsImages(name string) error {
	if w.ImageFiles == Link || w.ImageFiles == Copy {
		return nil
	}
	return fmt.Errorf("images %q: a %s folder contains its images, want %q or %q", w.ImageFiles, name, Link, Copy)
}

// NewFolder makes a folder completely or not at all: write fills it under a temporary name. With add the folder may exist, and write checks its content.
func NewFolder(dir string, add bool, write func(dir string) error) (err error) {
	dir = filepath.Clean(dir) // what is above "dir/" is not dir itself
	if _, err := os.Lstat(dir); err == nil {
		if add {
			return write(dir)
		}
		return fmt.Errorf("%s: already exists", dir)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temporary, release, err := checkpoint.TemporaryFolder(dir)
	if err != nil {
		return err
	}
	defer func() {
		release()
		if err != nil {
			os.RemoveAll(temporary)
			err = &renamedError{err, strings.ReplaceAll(err.Error(), temporary, dir)}
		}
	}()
	if err := write(temporary); err != nil {
		return err
	}
	return os.Rename(temporary, dir)
}

// renamedError is an error whose text has the final name of a folder instead of the temporary name.
type renamedError struct {
	err  error
	text string
}

func (e *renamedError) Error() string { return e.text }
func (e *renamedError) Unwrap() error { return e.err }

// each calls a function for every image, with the name of its new file. Missing images are skipped.
func (w *Writer) each(ctx context.Context, d *coco.Dataset, f func(i int, name string) error) error {
	names := make(map[string]int, len(d.Images))
	written := 0
	for i := range d.Images {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := d.ImagePath(i)
		info, err := os.Stat(at)
		if err != nil || !info.Mode().IsRegular() {
			w.Remarks.Add("image not found, left out", "%s: images[%d].file_name: no image at %s", d.Path, i, at)
			continue
		}
		name := w.newName(d.Images[i].FileName)
		if other, ok := names[w.distinct(name)]; ok {
			return w.clash(d, i, other)
		}
		names[w.distinct(name)] = i
		if err := f(i, name); err != nil {
			return err
		}
		written++
		if w.Images++; w.Progress != nil {
			w.Progress(w.Images)
		}
	}
	if written == 0 && len(d.Images) > 0 {
		return fmt.Errorf("%s: none of its %d images found; images[0].file_name: no image at %s", d.Path, len(d.Images), d.ImagePath(0))
	}
	return nil
}

// put links or copies image i to a new file.
func (w *Writer) put(d *coco.Dataset, i int, to string) error {
	from := d.ImagePath(i)
	if w.ImageFiles == Link {
		absolute, err := filepath.Abs(from)
		if err != nil {
			return err
		}
		return os.Symlink(absolute, to)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// masks adds remarks on segmentations, and on what coco.Open changed or left out.
func (w *Writer) masks(d *coco.Dataset) {
	w.Remarks.AddCount("outline (segmentation), not kept", d.Masks)
	w.Remarks.Merge(d.Changes.Kinds())
}

// sizes fills in image sizes that are not annotated, because other readers divide by them.
func (w *Writer) sizes(d *coco.Dataset) {
	filled, unread := d.FillSizes()
	w.Remarks.AddCount("size not annotated, read from the image", filled)
	for _, err := range unread {
		w.Remarks.Add("size not annotated and image not readable, written as 0", "%s", err)
	}
}

// size returns the annotated size of an image, or else that of its file.
func size(d *coco.Dataset, i int) (geom.Size, error) {
	if img := d.Images[i]; img.Width > 0 && img.Height > 0 {
		return geom.Size{W: img.Width, H: img.Height}, nil
	}
	s, err := imaging.Size(d.ImagePath(i), imaging.Limits{})
	if err != nil {
		return s, fmt.Errorf("%s: images[%d]: %w", d.Path, i, err)
	}
	return s, nil
}

// where describes an annotation for a remark.
func where(d *coco.Dataset, at int32) string {
	a := &d.Annotations[at]
	return fmt.Sprintf("%s: %s: annotations[%d].bbox: %v", d.Path, d.Images[a.Image].FileName, at, a.Box)
}
