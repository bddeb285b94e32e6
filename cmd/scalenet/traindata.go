package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"scalenet/checkpoint"
	"scalenet/coco"
	"scalenet/internal/config"
	"scalenet/train"
)

// The files of a run that say what it is trained on.
const (
	// sourcesFile names the data, so that --resume needs no other flag.
	sourcesFile = "sources.yaml"
	// trainList and valList are the parts of data that was divided.
	trainList = "train.json"
	valList   = "val.json"
)

// validationFraction of the images of data without a validation part is split off.
const validationFraction = 0.2

// trainData are the flags that name training and validation data.
type trainData struct {
	path, images string // --data, for both
	train, val   annotatedData
	shared       bool
	skipBad      bool
}

// source is a data set of a run.
type source struct {
	Path   string `yaml:"path"`
	Images string `yaml:"images,omitempty"`
	Split  string `yaml:"split,omitempty"`
}

// sources are the data sets of a run, as in sources.yaml.
type sources struct {
	Train source `yaml:"train"`
	Val   source `yaml:"val"`
	// SkipBad leaves out images that cannot be read.
	SkipBad bool `yaml:"skip_bad,omitempty"`
}

func (d *trainData) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&d.path, "data", "", "data: a folder with images and their annotations, a COCO instances file or YOLO's data.yaml. A fifth is split off for validation if there is no such part")
	f.StringVar(&d.images, "images", "", "image folder of a data set that is one file (COCO, CVAT, Label Studio, Open Images)")
	d.train.optional(c, "train", "training data", "train-", "train")
	d.val.optional(c, "val", "validation data", "val-", "val")
	f.BoolVar(&d.skipBad, "skip-bad", false, "decode every image first, and leave out and count those that cannot be read")
	f.BoolVar(&d.shared, "allow-shared-images", false, "train even if images are in both parts; validation metrics then overestimate the accuracy")
}

// inputs returns the files that must not be written over.
func (d *trainData) inputs() []string {
	return slices.Concat(coco.Sources(d.path), coco.Sources(d.train.path), coco.Sources(d.val.path))
}

// checkOut returns an error if the folder of the run is in the data, whose images and annotations its files would be.
func (d *trainData) checkOut(out string) error {
	return checkOutside(out, d.inputs())
}

// checkOutside returns an error if the folder out is in one of the folders.
func checkOutside(out string, folders []string) error {
	for _, input := range folders {
		if info, err := os.Stat(input); err == nil && info.IsDir() && isBelow(resolve(out), resolve(input)) {
			return fmt.Errorf("--out %s: is in the data folder %s: choose one outside", out, input)
		}
	}
	return nil
}

// opened are the data sets of a run.
type opened struct {
	train, val *coco.Dataset
	sources    sources
	divided    bool // the parts are to be written as lists
}

// open opens the data sets, whose classes have names of their own. A resumed run without data flags takes those of the run in dir.
func (d *trainData) open(ctx context.Context, w io.Writer, dir string, resume bool) (o opened, err error) {
	none := d.train.path == "" && d.val.path == ""
	switch {
	case d.path != "" && !none:
		return o, errors.New("--data names all data: give it without --train and --val")
	case d.path == "" && (d.train.path == "" || d.val.path == "") && !(none && resume):
		return o, errors.New("give the data: --data PATH, or --train PATH and --val PATH")
	}
	if err := d.checkUsed(); err != nil {
		return o, err
	}
	switch {
	case d.path != "":
		o, err = d.whole(ctx, w)
	case none:
		o, err = d.again(ctx, w, dir)
	default:
		o, err = d.parts(ctx, w)
	}
	if err != nil {
		return o, err
	}
	if err := checkpoint.CheckClasses(o.train.ClassNames()); err != nil {
		return o, fmt.Errorf("%s: categories: %w, and a model knows classes by their names", o.train.Path, err)
	}
	return o, d.checkVal(ctx, w, o)
}

// checkUsed returns an error for a flag of a data set that is not given: it would have no effect.
func (d *trainData) checkUsed() error {
	for _, f := range []struct{ flag, value, of, path string }{
		{"--images", d.images, "--data", d.path},
		{"--train-images", d.train.images, "--train", d.train.path}, {"--train-split", d.train.split, "--train", d.train.path},
		{"--val-images", d.val.images, "--val", d.val.path}, {"--val-split", d.val.split, "--val", d.val.path},
	} {
		if f.value != "" && f.path == "" {
			return fmt.Errorf("%s %s: has no effect without %s (--data goes with --images, --train with --train-images and --train-split, --val with --val-images and --val-split)", f.flag, f.value, f.of)
		}
	}
	return nil
}

// checkVal returns an error if validation would fail. Otherwise a run notices it after its first epoch, and cannot be resumed.
func (d *trainData) checkVal(ctx context.Context, w io.Writer, o opened) error {
	if o.val.Findable() == 0 {
		if o.divided {
			return fmt.Errorf("%s: none of the %d images split off for validation has an object that counts, as the data has none, or all in one image and its near copies: add images with objects, or give validation data with --train and --val", o.val.Path, len(o.val.Images))
		}
		fmt.Fprintf(w, "warning: %s: none of its %d validation images has an object that counts, so AP is not defined (-1), no model is the best, and the last is kept\n", o.val.Path, len(o.val.Images))
	}
	if d.skipBad { // every image was decoded
		return nil
	}
	return checkReadable(ctx, w, o.val, "validation images read", "mend or replace the image; a new run leaves such images out with --skip-bad")
}

// parts opens --train and --val.
func (d *trainData) parts(ctx context.Context, w io.Writer) (o opened, err error) {
	if o.train, err = d.train.open(w, nil); err != nil {
		return o, err
	}
	if o.val, err = d.val.open(w, o.train.ClassNames()); err != nil {
		return o, err
	}
	for _, part := range []**coco.Dataset{&o.train, &o.val} {
		if *part, err = d.readable(ctx, w, *part); err != nil {
			return o, err
		}
	}
	if o.sources.Train, err = d.train.source(); err != nil {
		return o, err
	}
	if o.sources.Val, err = d.val.source(); err != nil {
		return o, err
	}
	o.sources.SkipBad = d.skipBad
	return o, d.checkApart(ctx, w, o)
}

// whole opens the parts of --data, and divides it if it has no validation part.
func (d *trainData) whole(ctx context.Context, w io.Writer) (o opened, err error) {
	splits, err := d.splits(w)
	if err != nil {
		return o, err
	}
	d.train.path, d.train.images, d.train.split = d.path, d.images, "train"
	d.val.path, d.val.images, d.val.split = d.path, d.images, "val"
	if slices.Contains(splits, "train") && slices.Contains(splits, "val") {
		return d.parts(ctx, w)
	}
	switch {
	case len(splits) == 0:
		d.train.split = ""
	case len(splits) == 1: // such as CVAT's "default"
		d.train.split = splits[0]
	case !slices.Contains(splits, "train"):
		return o, fmt.Errorf("%s: has the parts %q: want train and val, or give --train-split and --val-split with --train and --val", d.path, splits)
	}
	all, err := d.train.open(w, nil)
	if err != nil {
		return o, err
	}
	if all, err = d.readable(ctx, w, all); err != nil {
		return o, err
	}
	switch {
	case d.train.split != "" && d.train.split != "train":
		fmt.Fprintf(w, "%s: its only part, %s, is divided\n", all.Path, d.train.split)
	case slices.Contains(splits, "test"):
		fmt.Fprintf(w, "%s: its part test is kept aside\n", all.Path)
	}
	return d.divide(ctx, w, all)
}

// splits returns the parts of --data. What is listed and does not exist is none: Roboflow's data.yaml names val and test even if all images are in train.
func (d *trainData) splits(w io.Writer) ([]string, error) {
	splits, err := coco.Splits(d.path)
	if err != nil {
		return nil, err
	}
	absent, err := coco.AbsentSplits(d.path)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(splits, func(name string) bool {
		if name == "train" || !slices.Contains(absent, name) { // reading train says what is missing
			return false
		}
		fmt.Fprintf(w, "%s: lists the part %s, but its images do not exist, so there is no such part\n", d.path, name)
		return true
	}), nil
}

// readable leaves out images that cannot be read, with --skip-bad.
func (d *trainData) readable(ctx context.Context, w io.Writer, data *coco.Dataset) (*coco.Dataset, error) {
	if !d.skipBad {
		return data, nil
	}
	return onlyReadable(ctx, w, data)
}

// divide splits data in two, by class. Images are named by their whole paths, so that the lists can be read from anywhere.
func (d *trainData) divide(ctx context.Context, w io.Writer, all *coco.Dataset) (o opened, err error) {
	names, err := wholePaths(all)
	if err != nil {
		return o, err
	}
	all = all.Renamed(names)
	if err := all.CheckNames(); err != nil { // the lists are written later
		return o, err
	}
	all.FillSizes()
	together, err := nearCopies(ctx, w, all)
	if err != nil {
		return o, err
	}
	if o.train, o.val, err = all.Split(validationFraction, divideSeed, together...); err != nil {
		return o, fmt.Errorf("%w: add images, or give validation data with --train and --val", err)
	}
	o.divided = true
	fmt.Fprintf(w, "%s: no validation part, so %d images are split off by class (seed %d), %d are left for training\n", all.Path, len(o.val.Images), divideSeed, len(o.train.Images))
	if len(together) > 0 {
		fmt.Fprintf(w, "%d groups of near copies stay together\n", len(together))
	}
	return o, nil
}

// divideSeed is the seed of the division, so that the same data is divided in the same way.
const divideSeed = 1

// again opens the data of the run in dir.
func (d *trainData) again(ctx context.Context, w io.Writer, dir string) (o opened, err error) {
	path := filepath.Join(dir, sourcesFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("%s: does not exist, so the data of the run must be given: --data PATH, or --train PATH and --val PATH", path)
	}
	if err != nil {
		return o, err
	}
	var s sources
	if err := config.Merge(&s, text, path); err != nil {
		return o, err
	}
	d.train.take(s.Train.near(dir))
	d.val.take(s.Val.near(dir))
	if d.skipBad && !s.SkipBad && exists(filepath.Join(dir, train.StateFile)) {
		return o, fmt.Errorf("--skip-bad: the run in %s was begun without it, and goes on only with the same images: mend or replace the image that cannot be read, or begin a new run (another --out) with --skip-bad", dir)
	}
	d.shared, d.skipBad = true, d.skipBad || s.SkipBad // as the run was begun
	fmt.Fprintf(w, "%s: training on %s, validation on %s\n", path, s.Train, s.Val)
	return d.parts(ctx, w)
}

// keep writes what again needs into the folder of the run.
func (o *opened) keep(dir string) error {
	if o.divided {
		for _, part := range []struct {
			name string
			data *coco.Dataset
			to   *source
		}{{trainList, o.train, &o.sources.Train}, {valList, o.val, &o.sources.Val}} {
			path, err := filepath.Abs(filepath.Join(dir, part.name))
			if err != nil {
				return err
			}
			if err := coco.WriteCOCO(path, part.data); err != nil {
				return err
			}
			*part.to = source{Path: path}
		}
	}
	text, err := yaml.Marshal(o.sources)
	if err != nil {
		return err
	}
	return checkpoint.WriteAtomic(filepath.Join(dir, sourcesFile), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// checkKept returns an error if keep would replace a file that no run has written.
func checkKept(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, sourcesFile)); err == nil {
		var s sources
		text, err := os.ReadFile(filepath.Join(dir, sourcesFile))
		if err == nil && config.Merge(&s, text, sourcesFile) == nil {
			return nil
		}
	}
	for _, name := range []string{sourcesFile, trainList, valList} {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s: already exists and is not a file of a training run: choose another --out", path)
		}
	}
	return nil
}

func (s source) String() string {
	text := s.Path
	if s.Split != "" {
		text += " (" + s.Split + ")"
	}
	return text
}

// source returns the data set with whole paths. The run may be resumed from another folder.
func (d *annotatedData) source() (s source, err error) {
	if s.Path, err = filepath.Abs(d.path); err != nil {
		return s, err
	}
	if d.images != "" {
		if s.Images, err = filepath.Abs(d.images); err != nil {
			return s, err
		}
	}
	s.Split = d.split
	return s, nil
}

// near returns the list in the folder of a run that has been moved or copied since it was written, or s itself.
func (s source) near(dir string) source {
	name := filepath.Base(s.Path)
	if _, err := os.Stat(s.Path); !errors.Is(err, fs.ErrNotExist) || name != trainList && name != valList {
		return s
	}
	if path := filepath.Join(dir, name); exists(path) {
		s.Path = path
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (d *annotatedData) take(s source) { d.path, d.images, d.split = s.Path, s.Images, s.Split }
