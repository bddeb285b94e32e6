package layout

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/internal/labelstudio"
)

// LabelStudio writes the parts as tasks_<part>.json with the images in images/<part>, and labels.xml, the labeling configuration.
// A labels.xml that is there must have the classes of the parts: it may be the configuration of a project, and is never changed.
// The addresses of images are those of Label Studio's local storage with dir as the document root. Labels have no flags: crowds and
// ignored objects are left out.
func (w *Writer) LabelStudio(ctx context.Context, dir string, parts []Part) error {
	if err := w.splitFolders("Label Studio", parts, ""); err != nil {
		return err
	}
	if err := checkXML(parts); err != nil {
		return err
	}
	file := func(part string) string { return "tasks_" + part + ".json" }
	labels := func(dir string) error { return w.studioLabels(filepath.Join(dir, "labels.xml"), parts) }
	err := w.oneFile(ctx, dir, parts, oneFile{file, labels, func(p Part, file string, images []namedImage) error {
		return checkpoint.WriteAtomic(file, func(to io.Writer) error {
			out := bufio.NewWriter(to)
			for n, image := range images {
				task, err := w.studioTask(p.Data, image, n+1)
				if err != nil {
					return err
				}
				text, err := json.Marshal(task)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "%s%s", map[bool]string{true: "[\n", false: ",\n"}[n == 0], text)
			}
			fmt.Fprint(out, "\n]\n")
			return out.Flush()
		})
	}})
	if err == nil {
		w.lostClasses(parts)
	}
	return err
}

type studioTask struct {
	ID          int                `json:"id"`
	Data        map[string]string  `json:"data"`
	Annotations []studioAnnotation `json:"annotations"`
}

type studioAnnotation struct {
	Cancelled bool                 `json:"was_cancelled"`
	Truth     bool                 `json:"ground_truth"`
	Result    []labelstudio.Region `json:"result"`
}

func (w *Writer) studioTask(d *coco.Dataset, image namedImage, id int) (*studioTask, error) {
	s, err := size(d, image.i)
	if err != nil {
		return nil, err
	}
	result := []labelstudio.Region{}
	for _, at := range d.Objects(image.i) {
		a := &d.Annotations[at]
		if w.leftOut(d, at) || w.negative(d, at) {
			continue
		}
		w.unkept(d, at, "difficult", "truncated")
		class := className(d.Categories[a.Class-1])
		result = append(result, labelstudio.NewRegion(fmt.Sprintf("%d-%d", id, len(result)+1), a.Box, class, s.W, s.H))
		w.wrote(class)
	}
	return &studioTask{ID: id, Data: map[string]string{"image": labelstudio.Address(image.path)}, Annotations: []studioAnnotation{{Result: result}}}, nil
}

// studioLabels writes the labeling configuration with the classes of all parts. One that exists belongs to the user: it must have them.
func (w *Writer) studioLabels(file string, parts []Part) error {
	text, err := os.ReadFile(file)
	if err == nil {
		return checkStudioLabels(file, string(text), parts)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var b strings.Builder
	b.WriteString("<View>\n  <Image name=\"image\" value=\"$image\"/>\n  <RectangleLabels name=\"label\" toName=\"image\">\n")
	seen := make(map[string]bool)
	for _, p := range parts {
		for _, c := range p.Data.Categories {
			if name := className(c); !seen[name] {
				seen[name] = true
				fmt.Fprintf(&b, "    %s\n", studioLabel(name))
			}
		}
	}
	b.WriteString("  </RectangleLabels>\n</View>\n")
	w.file(file)
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// checkStudioLabels returns an error for a class without a label of its name. Label Studio would not show its boxes as labelled.
func checkStudioLabels(file, text string, parts []Part) error {
	config, err := labelstudio.ParseConfig(text)
	if err != nil {
		return fmt.Errorf("%s: cannot add a split: %w", file, err)
	}
	for _, p := range parts {
		for _, c := range p.Data.Categories {
			name := className(c)
			if _, label, ok := config.Target(name); !ok || label != name {
				return fmt.Errorf("%s: cannot add a split: no label %q, a class of %s: add %s first", file, name, p.Data.Path, studioLabel(name))
			}
		}
	}
	return nil
}

// studioLabel is the tag of a class in the configuration.
func studioLabel(name string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(name)) // a Builder takes everything
	return `<Label value="` + b.String() + `"/>`
}
