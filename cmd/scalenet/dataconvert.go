package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/layout"
	"scalenet/internal/brief"
	"scalenet/internal/spelling"
	"scalenet/train"
)

type dataConvertOptions struct {
	to, images, split, as string
	imageFiles            string
	classes               []string
	devkit, numericIDs    bool
	add                   bool
	output                outputs
	names                 int
}

func newDataConvertCommand() *cobra.Command {
	var o dataConvertOptions
	c := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert a data set between COCO, Pascal VOC, YOLO and the formats of labelling tools",
		Long: `Convert a data set (a COCO instances file, a Pascal VOC folder, YOLO's data.yaml, a file of
CVAT, Label Studio or Open Images, or any folder with images and annotations) to another format. If OUT ends in .json, it is a
COCO instances file. Otherwise OUT is a new folder in the format of --to. All splits are converted, or only --split.
--add adds a split to an existing folder.

The input is not changed and existing files are not replaced. Polygons and masks become
their bounding boxes. These, and entries that the format cannot hold, are counted and
listed. docs/data.md has what each format keeps.`,
		Example: `  scalenet data convert data/bccd bccd-yolo --to yolo
  scalenet data convert --split val data/bccd val.json
  scalenet data convert --as train export.json labelled-voc --to voc
  scalenet data convert --images val2017 instances_val2017.json coco-voc --to voc --as val --image-files copy`,
		Args: takes("IN", "OUT"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1]) },
	}
	f := c.Flags()
	choose(f, &o.to, "to", "", "format of OUT: "+spelling.Alternatives(convertFormats())+` (default "coco" if OUT ends in .json)`, convertFormats()...)
	f.StringVar(&o.images, "images", "", "image folder of IN, if IN is one file (COCO, CVAT, Label Studio, Open Images)")
	f.StringVar(&o.split, "split", "", "split of IN, if IN has several (default: all)")
	f.StringVar(&o.as, "as", "", `name of the split in OUT (default: as in IN, or "train" for a single file)`)
	for _, name := range []string{"image-files", "pictures"} { // the second is the former name
		choose(f, &o.imageFiles, name, "", `image files in OUT: "link" (symbolic links, default for folders), "copy", or "leave" (no files, default for a .json)`,
			string(layout.Link), string(layout.Copy), string(layout.Leave))
	}
	hide(f, "pictures")
	f.StringSliceVar(&o.classes, "classes", nil, "class names in the order of OUT, separated by commas (default: the order of IN)")
	f.BoolVar(&o.devkit, "devkit", false, "Pascal VOC boxes are in devkit coordinates: 1-based inclusive integer pixels")
	f.BoolVar(&o.numericIDs, "numeric-ids", false, "use numeric file names as image ids, as in COCO")
	f.BoolVar(&o.add, "add", false, "add a split to an existing folder")
	o.output.flags(c)
	f.IntVar(&o.names, "names", 5, "number of warnings to list per kind; -1 lists all")
	return c
}

func (o *dataConvertOptions) run(c *cobra.Command, in, out string) error {
	single := strings.EqualFold(filepath.Ext(out), ".json")
	if err := o.check(single, out); err != nil {
		return err
	}
	if err := o.checkOutput(in, out, single, coco.Sources(in)); err != nil {
		return err
	}
	w := layout.Writer{ImageFiles: layout.ImageFiles(o.imageFiles), Devkit: o.devkit, Add: o.add, Overwrite: o.output.force,
		Remarks: coco.Remarks{Keep: o.names}}
	parts, err := openParts(in, o.split, coco.Options{Images: o.images, Classes: o.classes, Devkit: o.devkit, Names: o.names, Unannotated: func(err error) {
		w.Remarks.Add("image not annotated, left out", "%s", err)
	}})
	if err != nil {
		return err
	}
	if err := o.name(parts, single); err != nil {
		return err
	}
	total := 0
	read := coco.Sources(in)
	for _, p := range parts {
		read = append(read, p.Data.Files()...)
		total += len(p.Data.Images)
		if o.numericIDs {
			if err := p.Data.NumberByName(); err != nil {
				return err
			}
		}
	}
	if err := o.checkOutput(in, out, single, read); err != nil {
		return err
	}
	told := newProgress(c.ErrOrStderr(), "images", total)
	w.Progress = told.done
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this image")
	defer stop()
	switch {
	case single && w.ImageFiles == layout.Leave:
		err = o.output.write(out, func(path string) error { return w.COCO(ctx, path, parts[0].Data) })
	case single:
		err = w.COCO(ctx, out, parts[0].Data)
	default:
		err = folderWriters(&w)[o.to](ctx, out, parts)
	}
	told.end()
	if err != nil {
		return err
	}
	o.report(c, out, parts, &w)
	return nil
}

// convertFormats returns the values of --to.
func convertFormats() []string {
	return []string{"coco", "voc", "yolo", "labelme", "cvat", "labelstudio", "openimages"}
}

// folderWriters returns how a folder is written in each format.
func folderWriters(w *layout.Writer) map[string]func(ctx context.Context, dir string, parts []layout.Part) error {
	return map[string]func(ctx context.Context, dir string, parts []layout.Part) error{"coco": w.COCOFolder, "voc": w.VOC, "yolo": w.YOLO,
		"labelme": w.LabelMe, "cvat": w.CVAT, "labelstudio": w.LabelStudio, "openimages": w.OpenImages}
}

// checkOutput checks OUT by the rule of outputs. read lists the files and folders
// of IN. A folder is never replaced; --add adds to it.
func (o *dataConvertOptions) checkOutput(in, out string, single bool, read []string) error {
	if single {
		return o.output.check(read, output{of: "OUT", path: out})
	}
	if same, err := samePath(in, out); err != nil {
		return err
	} else if same {
		return fmt.Errorf("%s: is the input", out)
	}
	if _, err := os.Lstat(out); o.add || errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return fmt.Errorf("%s: already exists; --add adds a split to a data set, a folder is never replaced", out)
}

// check sets defaults and checks the flags.
func (o *dataConvertOptions) check(single bool, out string) error {
	if o.to == "" && single {
		o.to = "coco"
	}
	switch {
	case !slices.Contains(convertFormats(), o.to):
		return fmt.Errorf("--to %q: want %s", o.to, spelling.Alternatives(convertFormats()))
	case single && o.to != "coco":
		return fmt.Errorf("%s: --to %s writes a folder, not a .json", out, o.to)
	}
	if o.imageFiles == "" {
		o.imageFiles = string(layout.Link)
		if single {
			o.imageFiles = string(layout.Leave)
		}
	}
	switch layout.ImageFiles(o.imageFiles) {
	case layout.Leave, layout.Link, layout.Copy:
		return nil
	}
	return fmt.Errorf(`--image-files %q: want "link", "copy" or "leave"`, o.imageFiles)
}

// name renames the parts to the split names of the output.
func (o *dataConvertOptions) name(parts []layout.Part, single bool) error {
	if len(parts) > 1 && (single || o.as != "") {
		names := make([]string, len(parts))
		for i, p := range parts {
			names[i] = p.Name
		}
		return fmt.Errorf("%s has the splits %q: choose a split with --split, or write all splits to a folder", parts[0].Data.Path, names)
	}
	if len(parts) > 1 {
		return nil
	}
	switch {
	case o.as != "":
		parts[0].Name = o.as
	case parts[0].Name == "":
		parts[0].Name = "train"
	}
	if !filepath.IsLocal(parts[0].Name) || filepath.Base(parts[0].Name) != parts[0].Name {
		return fmt.Errorf("--as %q: want the name of a split", parts[0].Name)
	}
	return nil
}

func (o *dataConvertOptions) report(c *cobra.Command, out string, parts []layout.Part, w *layout.Writer) {
	to := c.OutOrStdout()
	splits := make([]string, len(parts))
	for i, p := range parts {
		splits[i] = p.Name
	}
	fmt.Fprintf(to, "%s: %s (%s), %s, %s\n", out, brief.Count(w.Images, "image"), strings.Join(splits, ", "), brief.Count(w.Boxes, "box"), brief.Count(len(parts[0].Data.Categories), "class"))
	if w.ImageFiles == layout.Leave {
		fmt.Fprintf(to, "the images are in %s\n", parts[0].Data.ImagesDir)
	}
	writeRemarks(to, "", w.Remarks.Kinds())
}
