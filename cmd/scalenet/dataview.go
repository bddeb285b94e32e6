package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/internal/brief"
	"scalenet/internal/view"
	"scalenet/train"
)

type dataViewOptions struct {
	images, split, out string
	devkit             bool
	output             outputs
	pages              int
	view               view.Options
	augmented          bool
	epoch              int
	settings           settings
}

func newDataViewCommand() *cobra.Command {
	var o dataViewOptions
	c := &cobra.Command{
		Use:   "view PATH --out SHEET.png",
		Short: "Draw images of a data set with their boxes",
		Long: `Draw a contact sheet of a data set (a COCO instances file, a Pascal VOC folder,
YOLO's data.yaml, or any folder with images and annotations): a grid of images with
boxes, file names and a legend of the classes. Several pages are written as
SHEET-1.png, SHEET-2.png, ...

For an image that cannot be read, its error message is drawn.

With --augmented, images are drawn as the network gets them in training: resized,
augmented and padded, in the order of an epoch. --preset, --config and --set are
those of "train". Objects that are ignored in training, because they are crowds or
mostly cut off, are marked.`,
		Example: `  scalenet data view data/bccd --split train --out sheet.png
  scalenet data view --images val2017 instances_val2017.json --class giraffe --pages 3 --out giraffes.png
  scalenet data view data/bccd --split train --augmented --preset bccd --set input.mosaic=0.5 --out augmented.png`,
		Args: takes("PATH"),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.images, "images", "", "image folder of a data set that is one file (COCO, CVAT, Label Studio, Open Images)")
	f.StringVar(&o.split, "split", "", "split of a data set that has several (default: the first)")
	f.BoolVar(&o.devkit, "devkit", false, "Pascal VOC boxes are in devkit coordinates: 1-based inclusive pixels")
	f.StringVar(&o.out, "out", "", "contact sheet to write, .png or .jpg")
	o.output.flags(c, "out")
	f.IntVar(&o.pages, "pages", 1, "number of sheets; 0 draws all images")
	f.IntVar(&o.view.Rows, "rows", view.Rows.Default, "rows per sheet")
	f.IntVar(&o.view.Columns, "columns", view.Columns.Default, "images per row")
	f.IntVar(&o.view.Width, "width", view.Width.Default, "width of an image in pixels")
	f.StringVar(&o.view.Class, "class", "", "draw only boxes of this class, and only images that have any")
	f.BoolVar(&o.view.AnnotatedOnly, "annotated-only", false, "skip images without boxes")
	f.Uint64Var(&o.view.Seed, "seed", 1, "random seed of the choice of images; 0 takes images in the order of the data set")
	f.BoolVar(&o.augmented, "augmented", false, "draw training images as the network gets them")
	f.IntVar(&o.epoch, "epoch", 0, "epoch to draw with --augmented, counted from 0")
	o.settings.flags(c, "default", detector.Presets().Names())
	requireFlags(c, "out")
	return c
}

func (o *dataViewOptions) run(c *cobra.Command, path string) error {
	if !slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(o.out))) {
		return fmt.Errorf("--out %s: want a .png or a .jpg", o.out)
	}
	if o.pages < 0 {
		return fmt.Errorf("--pages %d: want at least 0", o.pages)
	}
	v := o.view
	if err := cmp.Or(view.Rows.Check("--rows", v.Rows), view.Columns.Check("--columns", v.Columns), view.Width.Check("--width", v.Width)); err != nil {
		return err
	}
	split := o.split
	if split == "" {
		splits, err := coco.Splits(path)
		if err != nil {
			return err
		}
		if len(splits) > 0 {
			split = splits[0]
		}
	}
	d, err := coco.Open(path, coco.Options{Images: o.images, Split: split, Devkit: o.devkit})
	if err != nil {
		return err
	}
	sheets, closeSheets, err := o.sheets(c, d)
	if err != nil {
		return err
	}
	defer closeSheets()
	pages := sheets.Len()
	if o.pages > 0 {
		pages = min(pages, o.pages)
	}
	files, written := make([]string, pages), make([]output, pages)
	for i := range files {
		files[i] = o.out
		if pages > 1 {
			ext := filepath.Ext(o.out)
			files[i] = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(o.out, ext), i+1, ext)
		}
		written[i] = output{of: fmt.Sprintf("page %d", i+1), path: files[i]}
	}
	if err := o.output.check(d.Files(), written...); err != nil {
		return err
	}
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this image")
	defer stop()
	told := newProgress(c.ErrOrStderr(), "pages", pages)
	for i, file := range files {
		sheet, failed, first, err := sheets.Page(ctx, i)
		if err != nil {
			return err
		}
		if err := o.output.write(file, sheet.Save); err != nil {
			return err
		}
		told.done(i + 1)
		fmt.Fprintln(c.OutOrStdout(), file)
		if failed > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "%s: %s could not be read, first: %s\n", file, brief.Count(failed, "image"), oneLine(first))
		}
	}
	return nil
}

// sheets are the pages of a contact sheet.
type sheets interface {
	Len() int
	Page(ctx context.Context, n int) (sheet *imaging.Image, failed int, first error, err error)
}

// sheets returns the pages of the data set or, with --augmented, of a training on it.
func (o *dataViewOptions) sheets(c *cobra.Command, d *coco.Dataset) (sheets, func(), error) {
	unused := []string{"epoch", "preset", "config", "set"}
	if o.augmented {
		unused = []string{"class", "annotated-only", "seed"}
	}
	for _, flag := range unused {
		switch {
		case !c.Flags().Changed(flag):
		case o.augmented:
			return nil, nil, fmt.Errorf("--%s: has no effect with --augmented, which draws an epoch as it is", flag)
		default:
			return nil, nil, fmt.Errorf("--%s: needs --augmented", flag)
		}
	}
	if !o.augmented {
		s, err := view.New(d, o.view)
		return s, func() {}, err
	}
	config, err := resolved(&o.settings, detector.Presets().Get)
	if err != nil {
		return nil, nil, err
	}
	model, err := detector.New(config, d.ClassNames(), config.Train.Seed)
	if err != nil {
		return nil, nil, err
	}
	s, err := view.NewTraining(d, model.LoaderConfig(false), o.epoch, o.view)
	if err != nil {
		return nil, nil, err
	}
	return s, s.Close, nil
}
