package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"scalenet/coco"
)

type dataSplitOptions struct {
	images, split, first, second string
	fraction                     float64
	seed                         uint64
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
possible by --fraction. Identical images stay in one part. The same seed gives the
same split. The input is not changed, and existing files are not replaced.`,
		Example: `  scalenet data split --first train.json --second val.json --fraction 0.2 --seed 1 instances.json`,
		Args:    takes("PATH"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.images, "images", "", "image folder of a COCO data set")
	f.StringVar(&o.split, "split", "", "split of a data set that has several")
	f.StringVar(&o.first, "first", "", "COCO file for the images that remain, such as train.json")
	f.StringVar(&o.second, "second", "", "COCO file for the images that are split off, such as val.json")
	f.Float64Var(&o.fraction, "fraction", 0.2, "fraction of the images that is split off")
	f.Uint64Var(&o.seed, "seed", 1, "random seed of the split")
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
	a, b, err := d.Split(o.fraction, o.seed)
	if err != nil {
		return err
	}
	if err := o.check(d.Files()); err != nil {
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
		fmt.Fprintf(w, "%s: %d images, %d boxes\n", part.file, len(part.data.Images), len(part.data.Annotations))
	}
	fmt.Fprintf(w, "the images are in %s\n", d.ImagesDir)
	if d.Masks > 0 {
		fmt.Fprintf(w, "dropped %d segmentations\n", d.Masks)
	}
	if filled > 0 {
		fmt.Fprintf(w, "read %d image sizes from the image files, because they are not annotated\n", filled)
	}
	if len(unread) > 0 {
		fmt.Fprintf(w, "%d image sizes are not annotated and could not be read from the image files, first: %s\n", len(unread), oneLine(unread[0]))
	}
	return nil
}
