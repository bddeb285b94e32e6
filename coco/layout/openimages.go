package layout

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/checkpoint"
	"scalenet/coco"
)

const classDescriptions = "class-descriptions-boxable.csv"

// OpenImages writes the parts as <part>-annotations-bbox.csv with the images in images/<part>, and the class names as
// class-descriptions-boxable.csv. A class name is its LabelName. Crowds are groups (IsGroupOf). Boxes are cut at the edges of the
// image, and images without boxes are not in the file.
func (w *Writer) OpenImages(ctx context.Context, dir string, parts []Part) error {
	if err := w.splitFolders("Open Images", parts, "ImageID *"); err != nil {
		return err
	}
	for _, p := range parts {
		if len(p.Data.Annotations) == 0 {
			return noBoxes(p)
		}
		if err := checkLines(p.Data); err != nil {
			return err
		}
	}
	file := func(part string) string { return part + "-annotations-bbox.csv" }
	classes := func(dir string) error {
		for _, p := range parts {
			if err := w.classes(filepath.Join(dir, classDescriptions), p.Data); err != nil {
				return err
			}
		}
		return nil
	}
	return w.oneFile(ctx, dir, parts, oneFile{file, classes, func(p Part, file string, images []namedImage) error {
		before := w.Boxes
		return writeCSV(file, func(out *bufio.Writer) error {
			writeRow(out, strings.Split("ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside", ","))
			for _, image := range images {
				if err := w.rows(out, p.Data, image); err != nil {
					return err
				}
			}
			if w.Boxes == before { // all were left out
				return noBoxes(p)
			}
			return nil
		})
	}})
}

// noBoxes is the error of a part of which the file would have no row.
func noBoxes(p Part) error {
	return fmt.Errorf("%s: no boxes to write, and an Open Images data set has no images without", p.Data.Path)
}

// rows writes the boxes of an image.
func (w *Writer) rows(out *bufio.Writer, d *coco.Dataset, image namedImage) error {
	s, err := size(d, image.i)
	if err != nil {
		return err
	}
	written := 0
	for _, at := range d.Objects(image.i) {
		a := &d.Annotations[at]
		if w.negative(d, at) {
			continue
		}
		box := a.Box
		if box[0] < 0 || box[1] < 0 || box[0]+box[2] > float64(s.W) || box[1]+box[3] > float64(s.H) {
			cut, inside := clip(box, s)
			if !inside {
				w.Remarks.Add("box outside the image, left out", "%s", where(d, at))
				continue
			}
			w.Remarks.Add("box cut at the image's edge", "%s", where(d, at))
			box = cut
		}
		w.unkept(d, at, "difficult", "ignore")
		width, height := float64(s.W), float64(s.H)
		writeRow(out, []string{stem(filepath.Base(image.path)), "", className(d.Categories[a.Class-1]), "1",
			fraction(box[0] / width), fraction((box[0] + box[2]) / width), fraction(box[1] / height), fraction((box[1] + box[3]) / height),
			"-1", fmt.Sprint(flag(a.Truncated)), fmt.Sprint(flag(a.Crowd)), "-1", "-1"})
		written++
	}
	if written == 0 {
		w.Remarks.Add("image without boxes, not in the file", "%s: %s", d.Path, d.Images[image.i].FileName)
	}
	w.Boxes += written
	return nil
}

// classes writes the class names, or checks that an existing file has the same.
func (w *Writer) classes(file string, d *coco.Dataset) error {
	var names []string
	for _, c := range d.Categories {
		names = append(names, className(c))
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		w.file(file)
		return writeCSV(file, func(out *bufio.Writer) error {
			for _, name := range names {
				writeRow(out, []string{name, name})
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if !slices.EqualFunc(rows, names, func(row []string, name string) bool { return row[len(row)-1] == name }) {
		return fmt.Errorf("%s: cannot add a split: its classes are not those of %s", file, d.Path)
	}
	return nil
}

func writeCSV(file string, rows func(out *bufio.Writer) error) error {
	return checkpoint.WriteAtomic(file, func(to io.Writer) error {
		out := bufio.NewWriter(to)
		if err := rows(out); err != nil {
			return err
		}
		return out.Flush()
	})
}

// writeRow writes a row. Unlike encoding/csv it puts what ends with a blank in quotes, too: many readers drop such blanks otherwise.
func writeRow(out *bufio.Writer, row []string) {
	for i, field := range row {
		if strings.ContainsAny(field, ",\"") || strings.TrimSpace(field) != field {
			field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		if i > 0 {
			field = "," + field
		}
		out.WriteString(field)
	}
	out.WriteByte('\n')
}

// checkLines checks that the names of classes and of images with objects have no line break, which would end a row.
func checkLines(d *coco.Dataset) error {
	for i, img := range d.Images {
		if len(d.Objects(i)) > 0 && strings.ContainsAny(img.FileName, "\r\n") {
			return fmt.Errorf("%s: images[%d].file_name: %q has a line break, which a row of a CSV file cannot hold", d.Path, i, img.FileName)
		}
	}
	for _, c := range d.Categories {
		if name := className(c); strings.ContainsAny(name, "\r\n") {
			return fmt.Errorf("%s: class %q has a line break, which a row of a CSV file cannot hold", d.Path, name)
		}
	}
	return nil
}
