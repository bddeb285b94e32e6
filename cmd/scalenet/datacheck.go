package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/coco/layout"
	"scalenet/internal/brief"
	"scalenet/internal/check"
	"scalenet/train"
)

type dataCheckOptions struct {
	images      []string
	split, size string
	plots       string
	output      outputs
	devkit      bool
	json        bool
	names       int
}

func newDataCheckCommand() *cobra.Command {
	var o dataCheckOptions
	c := &cobra.Command{
		Use:   "check PATH...",
		Short: "Check a data set for errors",
		Long: `Check every image and every box of a data set (a COCO instances file, a Pascal VOC
folder, YOLO's data.yaml, or any folder with images and annotations), and count
classes and sizes. Several data sets, such as COCO train and val, are also checked
for images in common.

Errors would stop training:
  - an entry that cannot be read or has a value of the wrong type; the other
    entries are checked without it
  - a duplicate id
  - an image that is missing, corrupt, of an unknown format or too large
  - an image whose size after applying the EXIF orientation is not the annotated one

Warnings would not:
  - zero-area boxes, duplicate boxes, boxes partly or fully outside the image
  - images that are listed twice, identical, or in two splits
  - YOLO: two images with one label file, label files without image
  - images without annotated size, or without the XML file that others have; classes
    without objects

Exit status: 0 without errors, 1 with errors.`,
		Example: `  scalenet data check data/bccd
  scalenet data check --images train2017 --images val2017 --plots plots instances_train2017.json instances_val2017.json`,
		Args: takes("PATH..."),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.images, "images", nil, "image folder of a data set that is one file (COCO, CVAT, Label Studio, Open Images); repeat once per PATH")
	f.StringVar(&o.split, "split", "", "split of a data set that has several (default: all)")
	f.BoolVar(&o.devkit, "devkit", false, "Pascal VOC boxes are in devkit coordinates: 1-based inclusive pixels")
	f.StringVar(&o.size, "size", "600/1000", "min_size/max_size of the model input, for the box size statistics: shorter side, maximum longer side")
	f.StringVar(&o.plots, "plots", "", "folder for the charts sizes.png and classes.png")
	o.output.flags(c, "plots")
	f.BoolVar(&o.json, "json", false, "print JSON, with all errors and warnings")
	f.IntVar(&o.names, "names", 5, "number of errors and warnings to list per kind; -1 lists all")
	return c
}

func (o *dataCheckOptions) run(c *cobra.Command, paths []string) error {
	if len(o.images) > 1 && len(o.images) != len(paths) {
		return fmt.Errorf("--images: %d folders for %d data sets", len(o.images), len(paths))
	}
	shorter, longest, err := parseSides(o.size)
	if err != nil {
		return err
	}
	var read []string
	for _, path := range paths {
		read = append(read, coco.Sources(path)...)
	}
	if err := o.checkPlots(read); err != nil {
		return err
	}
	keep := checkNames(o)
	var told *progress
	checker := check.New(check.Options{Keep: keep, Shorter: shorter, Longest: longest, Progress: func(done int) { told.done(done) }})
	parts, total := o.open(paths, checker)
	for _, p := range parts {
		read = append(read, p.Data.Files()...)
	}
	if err := o.checkPlots(read); err != nil {
		return err
	}
	told = newProgress(c.ErrOrStderr(), "images", total)
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this image")
	defer stop()
	for _, p := range parts {
		if err := checker.Check(ctx, p.Name, p.Data); err != nil {
			told.end()
			return err
		}
	}
	r := checker.Report()
	if o.plots != "" {
		if err := o.output.writeInto(o.plots, r.Plot); err != nil {
			return err
		}
	}
	if err := o.print(c, r); err != nil {
		return err
	}
	if n := r.ErrorCount(); n > 0 {
		return fmt.Errorf("%s would stop training", brief.Count(n, "error"))
	}
	return nil
}

// checkNames returns the number of remarks to keep per kind.
func checkNames(o *dataCheckOptions) int {
	if o.json {
		return -1
	}
	return o.names
}

// checkPlots checks the charts by the rule of outputs.
func (o *dataCheckOptions) checkPlots(inputs []string) error {
	if o.plots == "" {
		return nil
	}
	return o.output.check(inputs, in(o.plots, "--plots", check.PlotFiles()...)...)
}

// open reads the data sets. A data set that cannot be read is reported as an
// error of the check.
func (o *dataCheckOptions) open(paths []string, checker *check.Checker) (all []layout.Part, total int) {
	for i, path := range paths {
		opt := coco.Options{Devkit: o.devkit, Names: checkNames(o), Report: checker.Fault, Unsized: checker.Unsized, Unannotated: checker.Unannotated}
		switch {
		case len(o.images) == 1:
			opt.Images = o.images[0]
		case len(o.images) > 1:
			opt.Images = o.images[i]
		}
		parts, err := openParts(path, o.split, opt)
		if err != nil {
			checker.Fault(err)
			continue
		}
		for _, p := range parts {
			if p.Name == "" && len(paths) > 1 {
				p.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
			}
			if slices.ContainsFunc(all, func(other layout.Part) bool { return other.Name == p.Name }) {
				p.Name = path + " " + p.Name
			}
			total += len(p.Data.Images)
			all = append(all, p)
		}
	}
	return all, total
}

func (o *dataCheckOptions) print(c *cobra.Command, r *check.Report) error {
	w := c.OutOrStdout()
	if o.json {
		return json.NewEncoder(w).Encode(r)
	}
	if err := r.Print(w); err != nil {
		return err
	}
	for _, list := range []struct {
		name  string
		kinds []coco.RemarkKind
	}{{"errors", r.Errors}, {"warnings", r.Warnings}} {
		if len(list.kinds) == 0 {
			fmt.Fprintf(w, "\n%s: none\n", list.name)
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", list.name)
		writeRemarks(w, "  ", list.kinds)
	}
	return nil
}
