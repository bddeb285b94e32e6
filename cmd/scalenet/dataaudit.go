package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/internal/audit"
)

type dataAuditOptions struct {
	data    annotatedData
	results []string
	models  auditModels
	out     string
	output  outputs
	find    audit.Options
}

func newDataAuditCommand() *cobra.Command {
	var o dataAuditOptions
	c := &cobra.Command{
		Use:   "audit --out DIR DATA",
		Short: "Rank labels that are probably wrong",
		Long: `Compare the labels of a data set with detections, and rank what is probably wrong:
objects without a label, labels of the wrong class, and loose boxes. DIR gets audit.html,
a page with a picture of each, and audit.json.

The detections are of models that have not seen the images: the data set is divided in
parts (--parts), and a model for each is trained on the others, with settings that are
derived from the data as 'train' does it. A stopped audit goes on where it was, with
the same settings.

--results are detections that are there already: COCO results files with the image ids
of the data set, as eval --results writes them. An image in two of them is an error.`,
		Example: `  scalenet data audit --budget 30m --out audit photos/
  scalenet data audit --results half1.json --results half2.json --out audit instances.json`,
		Args: takes("DATA"),
		RunE: func(c *cobra.Command, args []string) error {
			return inGroup(c, &o.models.device, func(c *cobra.Command, g group) error {
				if g.Size() > 1 { // the trainings would each join the group anew, which MPI does not allow
					return &knownError{fmt.Errorf("an audit runs in one process, and %d were started: start it without mpirun or srun (--threads: processors)", g.Size())}
				}
				return o.run(c, args[0])
			})
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.results, "results", nil, "COCO results file of models that have not seen the images, which are not trained then; repeat for several")
	o.models.flags(c)
	f.StringVar(&o.data.images, "images", "", "image folder of a data set that is one file (COCO, CVAT, Label Studio, Open Images)")
	f.StringVar(&o.data.split, "split", "", `split of a data set that has several (default "train")`)
	f.StringVar(&o.out, "out", "", "folder for audit.html and audit.json")
	f.IntVar(&o.find.Top, "top", 200, "number of proposals; 0: all")
	f.Float64Var(&o.find.MinScore, "min-score", 0.05, "lowest score of detections that are compared")
	o.output.flags(c, "out")
	requireFlags(c, "out")
	return c
}

func (o *dataAuditOptions) run(c *cobra.Command, path string) error {
	o.data.path, o.data.defaultSplit = path, "train"
	if o.find.Top < 0 {
		return fmt.Errorf("--top %d: want 0 or more", o.find.Top)
	}
	if err := o.models.check(c, o.results); err != nil {
		return err
	}
	if err := checkOutside(o.out, append(coco.Sources(path), path)); err != nil {
		return err
	}
	read := slices.Concat(coco.Sources(path), o.results, []string{o.models.config})
	if err := o.output.check(read, in(o.out, "--out", audit.Files()...)...); err != nil {
		return err
	}
	d, err := o.data.open(c.ErrOrStderr(), nil)
	if err != nil {
		return err
	}
	if err := o.output.check(append(read, d.Files()...), in(o.out, "--out", audit.Files()...)...); err != nil {
		return err
	}
	if o.results == nil {
		if o.results, err = o.models.judge(c, d, o.out); err != nil {
			return err
		}
	}
	var results []*coco.Results
	for _, file := range o.results {
		r, err := coco.ReadResults(file)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	report, err := audit.Find(d, results, o.find)
	if err != nil {
		return err
	}
	warnUnlisted(c.ErrOrStderr(), strings.Join(o.results, ", "), report.Unlisted, d.Path)
	if err := o.output.writeInto(o.out, report.Write); err != nil {
		return err
	}
	count := make(map[audit.Kind]int)
	for _, p := range report.Proposals {
		count[p.Kind]++
	}
	w := c.OutOrStdout()
	fmt.Fprintf(w, "%s: %d of %d proposals: %d objects probably missing, %d labels of the wrong class, %d loose boxes\n", filepath.Join(o.out, audit.Files()[0]),
		len(report.Proposals), report.Considered, count[audit.Missing], count[audit.Class], count[audit.Loose])
	if report.Unjudged > 0 {
		fmt.Fprintf(w, "%d of %d images have no detections, their labels were not compared\n", report.Unjudged, report.Images)
	}
	return nil
}
