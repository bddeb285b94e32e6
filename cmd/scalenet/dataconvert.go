package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/layout"
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
		Short: "Write a data set as COCO JSON, Pascal VOC or YOLO",
		Long: `Write a data set (a COCO instances file, a Pascal VOC folder or YOLO's data.yaml)
in another layout. An OUT that ends in .json is a COCO instances file; otherwise
OUT is a new folder, whose layout --to names. All splits are converted, or the one
of --split; --add adds another to a folder that is there.

The input is not changed, nothing that exists is written over. What a layout
cannot hold is counted and named: docs/data.md says what is kept, how exactly.`,
		Example: `  scalenet data convert data/bccd bccd-yolo --to yolo
  scalenet data convert --split val data/bccd val.json
  scalenet data convert --images val2017 instances_val2017.json coco-voc --to voc --as val --image-files copy`,
		Args: takes("IN", "OUT"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1]) },
	}
	f := c.Flags()
	choose(f, &o.to, "to", "", `layout of OUT: "coco", "voc" or "yolo"; default "coco" where it ends in .json`, "coco", "voc", "yolo")
	f.StringVar(&o.images, "images", "", "folder of the images of IN (COCO)")
	f.StringVar(&o.split, "split", "", "split of IN (Pascal VOC, YOLO); default all")
	f.StringVar(&o.as, "as", "", `name of the split in OUT; default as in IN, or "train" for a COCO file`)
	for _, name := range []string{"image-files", "pictures"} { // the second is the former name
		choose(f, &o.imageFiles, name, "", `what happens to the image files: "link" (symbolic links; default for folders), "copy", or "leave" (where they are; default for a .json)`,
			string(layout.Link), string(layout.Copy), string(layout.Leave))
	}
	hide(f, "pictures")
	f.StringSliceVar(&o.classes, "classes", nil, "the classes in this order, separated by commas; default the order of IN")
	f.BoolVar(&o.devkit, "devkit", false, "Pascal VOC's corners as its devkit counts them: whole pixels from 1, the last one included")
	f.BoolVar(&o.numericIDs, "numeric-ids", false, "take the numbers that files are named by as the ids of images, as in COCO")
	f.BoolVar(&o.add, "add", false, "add a split to a folder that is there")
	o.output.flags(c)
	f.IntVar(&o.names, "names", 5, "how many of each kind of remark to name; -1 is all")
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
	parts, err := openParts(in, o.split, coco.Options{Images: o.images, Classes: o.classes, Devkit: o.devkit})
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
	w := layout.Writer{ImageFiles: layout.ImageFiles(o.imageFiles), Devkit: o.devkit, Add: o.add, Overwrite: o.output.force,
		Remarks: coco.Remarks{Keep: o.names}, Progress: told.done}
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this image")
	defer stop()
	switch {
	case single && w.ImageFiles == layout.Leave:
		err = o.output.write(out, func(path string) error { return w.COCO(ctx, path, parts[0].Data) })
	case single:
		err = w.COCO(ctx, out, parts[0].Data)
	case o.to == "coco":
		err = w.COCOFolder(ctx, out, parts)
	case o.to == "voc":
		err = w.VOC(ctx, out, parts)
	default:
		err = w.YOLO(ctx, out, parts)
	}
	told.end()
	if err != nil {
		return err
	}
	o.report(c, out, parts, &w)
	return nil
}

// checkOutput holds OUT to the rule of outputs; read is what IN is found to be
// made of. A folder is never replaced, --add adds to it.
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
	return fmt.Errorf("%s: is there already; --add adds a split to a data set, a folder is never replaced", out)
}

// check completes and checks the flags.
func (o *dataConvertOptions) check(single bool, out string) error {
	if o.to == "" && single {
		o.to = "coco"
	}
	switch o.to {
	case "coco":
	case "voc", "yolo":
		if single {
			return fmt.Errorf("%s: --to %s writes a folder, not a .json", out, o.to)
		}
	default:
		return fmt.Errorf(`--to %q: want "coco", "voc" or "yolo"`, o.to)
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

// name gives the parts the names that they have in the output.
func (o *dataConvertOptions) name(parts []layout.Part, single bool) error {
	if len(parts) > 1 && (single || o.as != "") {
		names := make([]string, len(parts))
		for i, p := range parts {
			names[i] = p.Name
		}
		return fmt.Errorf("%s has the splits %q: choose one with --split, or write a folder of all", parts[0].Data.Path, names)
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
	fmt.Fprintf(to, "%s: %d images (%s), %d boxes of %d classes\n", out, w.Images, strings.Join(splits, ", "), w.Boxes, len(parts[0].Data.Categories))
	if w.ImageFiles == layout.Leave {
		fmt.Fprintf(to, "the images are in %s\n", parts[0].Data.ImagesDir)
	}
	writeRemarks(to, "", w.Remarks.Kinds())
}
