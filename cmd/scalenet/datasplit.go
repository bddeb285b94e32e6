package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/internal/brief"
	"scalenet/internal/similar"
	"scalenet/train"
)

type dataSplitOptions struct {
	images, split, first, second string
	fraction                     float64
	seed                         uint64
	nearCopies                   bool
	output                       outputs
}

func newDataSplitCommand() *cobra.Command {
	var o dataSplitOptions
	c := &cobra.Command{
		Use:   "split --first FILE --second FILE PATH",
		Short: "Split a data set in two (train and val), stratified by class",
		Long: `Split the images of a data set (a COCO instances file, a Pascal VOC folder, YOLO's
data.yaml, or any folder with images and annotations) in two and write both parts as
COCO instances files. Image files are not moved. The split is stratified: the objects of each class are split as closely as
possible by --fraction. Identical images stay in one part, and so do near copies:
resized, saved again, brightened, slightly cropped, or frames of a video that hardly
differ. To find these, all images are decoded. The same seed gives the same split.
The input is not changed, and existing files are not replaced.`,
		Example: `  scalenet data split --first train.json --second val.json --fraction 0.2 --seed 1 instances.json`,
		Args:    takes("PATH"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.images, "images", "", "image folder of a data set that is one file (COCO, CVAT, Label Studio, Open Images)")
	f.StringVar(&o.split, "split", "", "split of a data set that has several")
	f.StringVar(&o.first, "first", "", "COCO file for the images that remain, such as train.json")
	f.StringVar(&o.second, "second", "", "COCO file for the images that are split off, such as val.json")
	f.Float64Var(&o.fraction, "fraction", 0.2, "fraction of the images that is split off")
	f.Uint64Var(&o.seed, "seed", 1, "random seed of the split")
	f.BoolVar(&o.nearCopies, "near-copies", true, "keep near copies in one part; false: only identical images, without decoding")
	o.output.flags(c, "first", "second")
	requireFlags(c, "first", "second")
	return c
}

// check checks the output files by the rule of outputs.
func (o *dataSplitOptions) check(inputs []string) error {
	return o.output.check(inputs, output{of: "--first", path: o.first}, output{of: "--second", path: o.second})
}

func (o *dataSplitOptions) run(c *cobra.Command, path string) error {
	if err := o.check(coco.Sources(path)); err != nil {
		return err
	}
	d, err := coco.Open(path, coco.Options{Images: o.images, Split: o.split})
	if err != nil {
		return err
	}
	filled, unread := d.FillSizes()
	if err := o.check(d.Files()); err != nil {
		return err
	}
	near, err := o.near(c, d)
	if err != nil {
		return err
	}
	a, b, err := d.Split(o.fraction, o.seed, near...)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	for _, part := range []struct {
		file string
		data *coco.Dataset
	}{{o.first, a}, {o.second, b}} {
		if err := o.output.write(part.file, func(path string) error { return coco.WriteCOCO(path, part.data) }); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %s, %s\n", part.file, brief.Count(len(part.data.Images), "image"), brief.Count(len(part.data.Annotations), "box"))
	}
	fmt.Fprintf(w, "the images are in %s\n", d.ImagesDir)
	if d.Masks > 0 {
		fmt.Fprintf(w, "dropped %s\n", brief.Count(d.Masks, "segmentation"))
	}
	if len(near) > 0 {
		fmt.Fprintf(w, "%d groups of near copies, first: %s; each is in one part\n", len(near), imageNames(d, near[0]))
	}
	if filled > 0 {
		fmt.Fprintf(w, "read %d image sizes from the image files, because they are not annotated\n", filled)
	}
	if len(unread) > 0 {
		fmt.Fprintf(w, "%d image sizes are not annotated and could not be read from the image files, first: %s\n", len(unread), oneLine(unread[0]))
	}
	return nil
}

// near finds near copies.
func (o *dataSplitOptions) near(c *cobra.Command, d *coco.Dataset) ([][]int, error) {
	if !o.nearCopies {
		return nil, nil
	}
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this image")
	defer stop()
	return nearCopies(ctx, c.ErrOrStderr(), d)
}

// nearCopies finds groups of near copies, and tells w how far it is.
func nearCopies(ctx context.Context, w io.Writer, d *coco.Dataset) ([][]int, error) {
	told := newProgress(w, "images compared", len(d.Images))
	defer told.end()
	return similar.Find(ctx, d, similar.Options{Progress: told.done})
}

// imageNames lists the first few of the images.
func imageNames(d *coco.Dataset, images []int) string {
	const most = 3
	text := ""
	for _, i := range images[:min(len(images), most)] {
		text += ", " + fmt.Sprintf("%.200s", d.Images[i].FileName)
	}
	if more := len(images) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text[len(", "):]
}
