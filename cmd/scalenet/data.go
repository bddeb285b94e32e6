package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"scalenet/coco"
)

func newDataCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "data",
		Short: "Tools for data sets",
		Args:  cobra.NoArgs,
	}
	c.AddCommand(newDataSplitCommand())
	return c
}

func newDataSplitCommand() *cobra.Command {
	var (
		images, split, first, second string
		fraction                     float64
		seed                         uint64
	)
	c := &cobra.Command{
		Use:   "split --first FILE --second FILE PATH",
		Short: "Divide a data set in two, every class in proportion",
		Long: `Divide the pictures of a data set (a COCO instances file or a Pascal VOC folder)
in two and write both parts as COCO instances files. Pictures stay whole, and every
class is divided in the same proportion as well as can be; equal seeds give equal
parts. The input is not changed, an output that exists is an error.`,
		Example: `  scalenet data split --first train.json --second val.json --fraction 0.2 --seed 1 instances.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := coco.Open(args[0], coco.Options{Images: images, Split: split})
			if err != nil {
				return err
			}
			a, b, err := d.Split(fraction, seed)
			if err != nil {
				return err
			}
			for _, path := range []string{first, second} {
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					return fmt.Errorf("%s: is there already", path)
				}
			}
			for path, part := range map[string]*coco.Dataset{first: a, second: b} {
				if err := coco.WriteCOCO(path, part); err != nil {
					return err
				}
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d pictures, %d boxes\n%s: %d pictures, %d boxes\n",
				first, len(a.Images), len(a.Annotations), second, len(b.Images), len(b.Annotations))
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&images, "images", "", "folder of the pictures (COCO)")
	f.StringVar(&split, "split", "", "split of a Pascal VOC folder")
	f.StringVar(&first, "first", "", "file for the larger part")
	f.StringVar(&second, "second", "", "file for the part that is split off")
	f.Float64Var(&fraction, "fraction", 0.2, "share of the pictures that is split off")
	f.Uint64Var(&seed, "seed", 1, "seed of the division")
	requireFlags(c, "first", "second")
	return c
}
