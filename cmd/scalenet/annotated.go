package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/internal/brief"
)

// annotatedData are the flags that name a data set, its image folder and its
// split.
type annotatedData struct {
	path, images, split string
	defaultSplit        string
}

// flags adds the flags; --name is required.
func (d *annotatedData) flags(c *cobra.Command, name, what, prefix, split string) {
	d.optional(c, name, what, prefix, split)
	requireFlags(c, name)
}

// optional adds the flags.
func (d *annotatedData) optional(c *cobra.Command, name, what, prefix, split string) {
	d.defaultSplit = split
	f := c.Flags()
	f.StringVar(&d.path, name, "", what+": COCO instances file, Pascal VOC folder, YOLO's data.yaml, file of CVAT, Label Studio or Open Images, or any folder with images and annotations")
	f.StringVar(&d.images, prefix+"images", "", "image folder of a data set that is one file (COCO, CVAT, Label Studio, Open Images)")
	f.StringVar(&d.split, prefix+"split", "", fmt.Sprintf("split of a data set that has several (default %q)", split))
}

// open reads the data set and prints its counts to w.
func (d *annotatedData) open(w io.Writer, classes []string) (*coco.Dataset, error) {
	split := d.split
	if split == "" {
		splits, err := coco.Splits(d.path)
		if err != nil {
			return nil, err
		}
		if len(splits) > 0 {
			split = d.defaultSplit
		}
	}
	left := 0
	data, err := coco.Open(d.path, coco.Options{Images: d.images, Split: split, Classes: classes, Unannotated: func(error) { left++ }})
	if err != nil {
		return nil, err
	}
	if len(data.Images) == 0 {
		return nil, errors.New(data.Path + ": no images in it")
	}
	if err := data.CheckImages(); err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "%s: %s, %s, %s", data.Path, brief.Count(len(data.Images), "image"), brief.Count(len(data.Annotations), "box"), brief.Count(len(data.Categories), "class"))
	if n := data.EmptyBoxes(); n > 0 {
		fmt.Fprintf(w, "; %d zero-area boxes are not trained on", n)
	}
	if left > 0 {
		fmt.Fprintf(w, "; %s without annotation left out", brief.Count(left, "image"))
	}
	for _, k := range data.Changes.Kinds() {
		fmt.Fprintf(w, "; %d: %s", k.Count, k.Kind)
	}
	fmt.Fprintln(w)
	return data, nil
}
