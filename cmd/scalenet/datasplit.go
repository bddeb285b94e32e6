package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"scalenet/coco"
)

type dataSplitOptions struct {
	images, split, first, second string
	fraction                     float64
	seed                         uint64
	force                        bool
}

func newDataSplitCommand() *cobra.Command {
	var o dataSplitOptions
	c := &cobra.Command{
		Use:   "split --first FILE --second FILE PATH",
		Short: "Divide a data set in two, every class in proportion",
		Long: `Divide the pictures of a data set (a COCO instances file, a Pascal VOC folder or
YOLO's data.yaml) in two and write both parts as COCO instances files. Pictures
stay whole and where they are, and every class is divided in the same proportion
as well as can be; equal seeds give equal parts. The input is not changed, an
output that exists is an error.`,
		Example: `  scalenet data split --first train.json --second val.json --fraction 0.2 --seed 1 instances.json`,
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.images, "images", "", "folder of the pictures (COCO)")
	f.StringVar(&o.split, "split", "", "split of a Pascal VOC or YOLO data set")
	f.StringVar(&o.first, "first", "", "file for the larger part")
	f.StringVar(&o.second, "second", "", "file for the part that is split off")
	f.Float64Var(&o.fraction, "fraction", 0.2, "share of the pictures that is split off")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the division")
	f.BoolVar(&o.force, "force", false, "replace outputs that exist")
	requireFlags(c, "first", "second")
	return c
}

func (o *dataSplitOptions) run(c *cobra.Command, path string) error {
	d, err := coco.Open(path, coco.Options{Images: o.images, Split: o.split})
	if err != nil {
		return err
	}
	filled, unread := d.FillSizes()
	a, b, err := d.Split(o.fraction, o.seed)
	if err != nil {
		return err
	}
	if same, err := samePath(o.first, o.second); err != nil || same {
		return errors.Join(err, fmt.Errorf("--first and --second are both %s", o.first))
	}
	for _, file := range []string{o.first, o.second} {
		if same, err := samePath(file, path); err != nil || same {
			return errors.Join(err, fmt.Errorf("%s: is the input", file))
		}
		if _, err := os.Lstat(file); !o.force && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: is there already; --force replaces it", file)
		}
	}
	w := c.OutOrStdout()
	for _, part := range []struct {
		file string
		data *coco.Dataset
	}{{o.first, a}, {o.second, b}} {
		if err := coco.WriteCOCO(part.file, part.data); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %d pictures, %d boxes\n", part.file, len(part.data.Images), len(part.data.Annotations))
	}
	fmt.Fprintf(w, "the pictures are in %s\n", d.ImagesDir)
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
