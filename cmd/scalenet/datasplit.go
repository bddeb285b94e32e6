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
		Short: "Divide a data set in two, every class in proportion",
		Long: `Divide the images of a data set (a COCO instances file, a Pascal VOC folder or
YOLO's data.yaml) in two and write both parts as COCO instances files. Images
stay whole and where they are, and every class is divided in the same proportion
as well as can be; identical images stay together; equal seeds give equal parts.
The input is not changed, an output that exists is an error.`,
		Example: `  scalenet data split --first train.json --second val.json --fraction 0.2 --seed 1 instances.json`,
		Args:    takes("PATH"),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.images, "images", "", "folder of the images (COCO)")
	f.StringVar(&o.split, "split", "", "split of a Pascal VOC or YOLO data set")
	f.StringVar(&o.first, "first", "", "file for the larger part")
	f.StringVar(&o.second, "second", "", "file for the part that is split off")
	f.Float64Var(&o.fraction, "fraction", 0.2, "share of the images that is split off")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the division")
	o.output.flags(c, "first", "second")
	requireFlags(c, "first", "second")
	return c
}

// check holds the files that are written to the rule of outputs.
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
		fmt.Fprintf(w, "%d outlines (segmentation) were not kept\n", d.Masks)
	}
	if filled > 0 {
		fmt.Fprintf(w, "%d sizes were not annotated and were read from the images\n", filled)
	}
	if len(unread) > 0 {
		fmt.Fprintf(w, "%d sizes are not annotated and could not be read from the images, one of them: %s\n", len(unread), oneLine(unread[0]))
	}
	return nil
}
