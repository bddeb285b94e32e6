package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/train"
)

// auditModels are models that are trained for an audit. The images are divided in parts, and each part is judged by a model that is trained on the others.
type auditModels struct {
	parts  int
	budget time.Duration
	config string
	device deviceOptions
}

// The files of a part, in a folder of its own.
const (
	auditTraining = "training.json" // the other parts
	auditJudged   = "judged.json"   // this part
	auditRun      = "model"
	auditFound    = "detections.json"
)

func (o *auditModels) flags(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&o.parts, "parts", 2, "without --results: the images are divided in so many parts, and a model is trained for each")
	f.DurationVar(&o.budget, "budget", 0, "without --results: time for all trainings together, such as 30m; 0: as long as each needs")
	f.StringVar(&o.config, "config", "", "without --results: YAML file with settings of the trainings")
	o.device.flags(c)
}

// auditDevice are the flags that the trainings and evaluations of an audit have from it.
func auditDevice() []string { return []string{"device", "threads", "tf32"} }

// check checks the flags; results are those of --results.
func (o *auditModels) check(c *cobra.Command, results []string) error {
	if o.parts < 2 {
		return fmt.Errorf("--parts %d: want 2 or more", o.parts)
	}
	for _, flag := range append(auditDevice(), "parts", "budget", "config") {
		if results != nil && c.Flags().Changed(flag) {
			return fmt.Errorf("--%s is for models that the audit trains: give it without --results", flag)
		}
	}
	return nil
}

// judge returns the results files of the parts. What a stopped audit has left in the folder out is used.
func (o *auditModels) judge(c *cobra.Command, d *coco.Dataset, out string) (results []string, err error) {
	part, err := o.divide(c, d)
	if err != nil {
		return nil, err
	}
	names, err := wholePaths(d)
	if err != nil {
		return nil, err
	}
	d.FillSizes()
	for i := range o.parts {
		dir := filepath.Join(out, fmt.Sprintf("part-%d", i+1))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		training, judged := make([]string, len(names)), make([]string, len(names))
		for image, name := range names {
			if part[image] == i {
				judged[image] = name
			} else {
				training[image] = name
			}
		}
		if err := writeOnce(filepath.Join(dir, auditTraining), d.Renamed(training)); err != nil {
			return nil, err
		}
		if err := writeOnce(filepath.Join(dir, auditJudged), d.Renamed(judged)); err != nil {
			return nil, err
		}
		if err := o.judgePart(c, dir, i); err != nil {
			return nil, err
		}
		results = append(results, filepath.Join(dir, auditFound))
	}
	return results, nil
}

// divide returns the part of each image, by class. Near copies are in one part: a model would know them.
func (o *auditModels) divide(c *cobra.Command, d *coco.Dataset) (part []int, err error) {
	ctx, stop := train.Interruptible(c.Context(), c.ErrOrStderr(), "stopping after this image")
	defer stop()
	copies, err := nearCopies(ctx, c.ErrOrStderr(), d)
	if err != nil {
		return nil, err
	}
	at := make(map[int64]int, len(d.Images)) // of an image's id
	for i := range d.Images {
		at[d.Images[i].ID] = i
	}
	part = make([]int, len(d.Images))
	for rest, i := d, o.parts-1; i > 0; i-- {
		var split *coco.Dataset
		if rest, split, err = rest.Split(1/float64(i+1), divideSeed, groupsIn(rest, d, copies)...); err != nil {
			return nil, err
		}
		for image := range split.Images {
			part[at[split.Images[image].ID]] = i
		}
	}
	return part, nil
}

// groupsIn returns groups of images of d as indices of those of part.
func groupsIn(part, d *coco.Dataset, groups [][]int) (list [][]int) {
	at := make(map[int64]int, len(part.Images))
	for i := range part.Images {
		at[part.Images[i].ID] = i
	}
	for _, group := range groups {
		var kept []int
		for _, image := range group {
			if i, ok := at[d.Images[image].ID]; ok {
				kept = append(kept, i)
			}
		}
		if len(kept) > 1 {
			list = append(list, kept)
		}
	}
	return list
}

// judgePart trains the model of a part, unless it is trained, and lets it judge the part.
func (o *auditModels) judgePart(c *cobra.Command, dir string, part int) error {
	w := c.ErrOrStderr()
	found, run := filepath.Join(dir, auditFound), filepath.Join(dir, auditRun)
	if exists(found) {
		fmt.Fprintf(w, "part %d of %d: is judged already: %s\n", part+1, o.parts, found)
		return nil
	}
	fmt.Fprintf(w, "part %d of %d: training on the other images: %s\n", part+1, o.parts, run)
	if err := o.run(c, newTrainCommand(), o.training(dir, run)...); err != nil {
		return err
	}
	judging := []string{"--model", filepath.Join(run, "best.safetensors"), "--data", filepath.Join(dir, auditJudged), "--results", found}
	if exists(found + ".partial") {
		judging = append(judging, "--resume")
	}
	fmt.Fprintf(w, "part %d of %d: judging its images\n", part+1, o.parts)
	return o.run(c, newEvalCommand(), judging...)
}

// training returns the arguments of the training for a part, or of its continuation.
func (o *auditModels) training(dir, run string) []string {
	if exists(filepath.Join(run, train.StateFile)) {
		return []string{"--resume", "--out", run}
	}
	args := []string{"--data", filepath.Join(dir, auditTraining), "--out", run}
	if o.budget > 0 {
		args = append(args, "--budget", (o.budget / time.Duration(o.parts)).String())
	}
	if o.config != "" {
		args = append(args, "--config", o.config)
	}
	return args
}

// run runs another command as a part of c. What it prints is progress here.
func (o *auditModels) run(c, other *cobra.Command, args ...string) error {
	for _, flag := range auditDevice() {
		if f := c.Flags().Lookup(flag); f.Changed {
			args = append(args, "--"+flag+"="+f.Value.String())
		}
	}
	other.SetArgs(args)
	other.SetOut(c.ErrOrStderr())
	other.SetErr(c.ErrOrStderr())
	other.SilenceErrors, other.SilenceUsage = true, true
	return other.ExecuteContext(c.Context())
}

// wholePaths returns the paths of the images, which hold in files of any folder.
func wholePaths(d *coco.Dataset) ([]string, error) {
	names := make([]string, len(d.Images))
	for i := range d.Images {
		var err error
		if names[i], err = filepath.Abs(d.ImagePath(i)); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// writeOnce writes d as a COCO file. A file that is there must have the same content.
func writeOnce(path string, d *coco.Dataset) error {
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return coco.WriteCOCO(path, d)
	}
	if err != nil {
		return err
	}
	fresh := path + ".new"
	defer os.Remove(fresh)
	if err := coco.WriteCOCO(fresh, d); err != nil {
		return err
	}
	now, err := os.ReadFile(fresh)
	if err != nil {
		return err
	}
	if !bytes.Equal(before, now) {
		return fmt.Errorf("%s: is of an audit of other data, or with other --parts: choose another --out", path)
	}
	return nil
}
