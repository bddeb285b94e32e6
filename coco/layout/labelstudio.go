package layout

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/internal/labelstudio"
)

// LabelStudio writes the parts as tasks_<part>.json with the images in images/<part>, and labels.xml, the labeling configuration.
// The addresses of images are those of Label Studio's local storage with dir as the document root. Labels have no flags: crowds are
// left out.
func (w *Writer) LabelStudio(ctx context.Context, dir string, parts []Part) error {
	if err := w.splitFolders("Label Studio", parts); err != nil {
		return err
	}
	file := func(part string) string { return "tasks_" + part + ".json" }
	return w.oneFile(ctx, dir, parts, file, func(p Part, file string, images []namedImage) error {
		w.lostClasses(p.Data)
		if err := writeLabels(filepath.Join(filepath.Dir(file), "labels.xml"), p.Data); err != nil {
			return err
		}
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
			if len(images) == 0 {
				fmt.Fprint(out, "[")
			}
			fmt.Fprint(out, "\n]\n")
			return out.Flush()
		})
	})
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
		if a.Crowd {
			w.Remarks.Add("crowd, left out", "%s", where(d, at))
			continue
		}
		if w.negative(d, at) {
			continue
		}
		w.unkept(d, at, "difficult", "truncated")
		result = append(result, labelstudio.NewRegion(fmt.Sprintf("%d-%d", id, len(result)+1), a.Box, className(d.Categories[a.Class-1]), s.W, s.H))
		w.Boxes++
	}
	return &studioTask{ID: id, Data: map[string]string{"image": labelstudio.Address(image.path)}, Annotations: []studioAnnotation{{Result: result}}}, nil
}

// writeLabels writes the labeling configuration, unless it is there.
func writeLabels(file string, d *coco.Dataset) error {
	var b strings.Builder
	b.WriteString("<View>\n  <Image name=\"image\" value=\"$image\"/>\n  <RectangleLabels name=\"label\" toName=\"image\">\n")
	for _, c := range d.Categories {
		b.WriteString(`    <Label value="`)
		if err := xml.EscapeText(&b, []byte(className(c))); err != nil {
			return err
		}
		b.WriteString("\"/>\n")
	}
	b.WriteString("  </RectangleLabels>\n</View>\n")
	if _, err := os.Lstat(file); err == nil {
		return nil
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
