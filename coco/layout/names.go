package layout

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"scalenet/coco"
)

// names chooses the names of new files: those of the old files without their folders, or with the folders as part of the name if
// names would not be unique. shared is Writer.shared of the format, "" if it tells images apart by their whole names.
func (w *Writer) names(parts []Part, shared string) {
	w.shared, w.written = shared, make(map[string]bool)
	seen := make(map[string]bool)
	for _, p := range parts {
		for _, img := range p.Data.Images {
			name := w.distinct(path.Base(filepath.ToSlash(img.FileName)))
			if seen[name] {
				w.nested = true
				return
			}
			seen[name] = true
		}
	}
}

// newName returns the name of the new file of an image.
func (w *Writer) newName(name string) string {
	name = path.Clean(filepath.ToSlash(name))
	if !w.nested || !filepath.IsLocal(filepath.FromSlash(name)) {
		return path.Base(name)
	}
	return strings.ReplaceAll(name, "/", "_")
}

// distinct returns that part of a new file's name in which it must differ from all others.
func (w *Writer) distinct(name string) string {
	if w.shared == "" {
		return name
	}
	return stem(name)
}

// clash is the error of image i, whose new name is that of another or differs from it too little.
func (w *Writer) clash(d *coco.Dataset, i, other int) error {
	name, taken := w.newName(d.Images[i].FileName), w.newName(d.Images[other].FileName)
	if name == taken {
		return fmt.Errorf("%s: images[%d].file_name: %s would be written as %s, the name of images[%d]", d.Path, i, d.Images[i].FileName, name, other)
	}
	return fmt.Errorf("%s: images[%d].file_name: %s and %s, images[%d], would share the %s", d.Path, i, name, taken, other,
		strings.ReplaceAll(w.shared, "*", stem(name)))
}

// stem returns a file name without its extension.
func stem(name string) string { return strings.TrimSuffix(name, path.Ext(name)) }

// className returns the name of a category, or its id if the name is empty.
func className(c coco.Category) string {
	if c.Name == "" {
		return fmt.Sprint(c.ID)
	}
	return c.Name
}

// check returns an error for parts that the readers of folders do not take, and adds remarks on classes whose names are their ids, for
// lack of another.
func (w *Writer) check(parts []Part) error {
	for _, p := range parts {
		if len(p.Data.Images) == 0 {
			return fmt.Errorf("%s: images: none, there is nothing to write", p.Data.Path)
		}
		ids := make(map[string]bool)
		for _, c := range p.Data.Categories {
			if c.Name == "" {
				ids[className(c)] = true
				w.Remarks.Add("class without a name, its id taken", "%s: categories: id %d", p.Data.Path, c.ID)
			}
		}
		for _, c := range p.Data.Categories {
			if ids[c.Name] {
				return fmt.Errorf("%s: categories: id %s has no name, and its id is the name of id %d", p.Data.Path, c.Name, c.ID)
			}
		}
	}
	return nil
}

// checkXML checks that the names of classes can be written as XML and read again.
func checkXML(parts []Part) error {
	for _, p := range parts {
		for _, c := range p.Data.Categories {
			name, wrong := className(c), ""
			before, after, _ := strings.Cut(name, strings.TrimSpace(name))
			switch {
			case !isXML(name):
				wrong = "has a character which XML cannot hold"
			case strings.ContainsAny(before+after, "\r\n"): // taken for the layout of the file
				wrong = "begins or ends with a line break, which readers of XML drop"
			default:
				continue
			}
			return fmt.Errorf("%s: categories: the name %q of id %d %s", p.Data.Path, name, c.ID, wrong)
		}
	}
	return nil
}

// isXML reports whether XML can hold a text. encoding/xml writes U+FFFD for what it cannot.
func isXML(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == '\ufffe' || r == '\uffff'
	})
}

// lostClasses adds remarks on classes of which no object was written. Formats that have no list of classes lose them.
func (w *Writer) lostClasses(parts []Part) {
	told := make(map[string]bool)
	for _, p := range parts {
		for _, c := range p.Data.Categories {
			if name := className(c); !w.written[name] && !told[name] {
				told[name] = true
				w.Remarks.Add("class without objects, not kept", "%s: %s", p.Data.Path, name)
			}
		}
	}
}

// wrote counts a box that was written.
func (w *Writer) wrote(class string) {
	w.written[class] = true
	w.Boxes++
}
