package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"scalenet/coco"
	"scalenet/imaging"
	"scalenet/internal/media"
	"scalenet/internal/shard"
	"scalenet/results"
)

// resultOptions are the flags that say what is written, and where.
type resultOptions struct {
	format, draw string
	json, resume bool
	table, out   string // --output, --out
	crops        string
	ids          string
	files        outputs
	marks        imaging.Marks
	kind         results.Format
	cocoIDs      results.COCOIDs
	names        []string // of each source below --out and --crops; "" for one that is listed again
	drawn        []string // image or video of each source; "": not drawn
	kept         int64    // with --resume: bytes of --output that stay
	made         facts    // how the results are made
	continues    bool     // they follow those of another part
}

func (o *resultOptions) flags(c *cobra.Command) {
	f := c.Flags()
	choose(f, &o.format, "format", string(results.Text), "format of the results: text, jsonl, csv, coco or labelstudio (to standard output or --output), yolo or voc (files in --out)", results.Formats()...)
	f.BoolVar(&o.json, "json", false, "the same as --format jsonl")
	f.StringVar(&o.table, "output", "", "file for the results instead of standard output")
	f.BoolVar(&o.resume, "resume", false, "with --format jsonl: go on with the --output of a stopped run, after the images that it has; another model or other settings are an error")
	f.StringVar(&o.out, "out", "", "folder for the images and videos with boxes drawn, and for the files of yolo and voc")
	choose(f, &o.draw, "draw", string(imaging.Labels), "what is drawn: labels (boxes with class and score), boxes, or none (no images are written; the default for yolo and voc)",
		string(imaging.Boxes), string(imaging.Labels), string(imaging.None))
	f.StringVar(&o.crops, "crops", "", "folder for the objects, cut out as JPEGs: CLASS/IMAGE-N.jpg")
	f.StringVar(&o.ids, "ids", "", "with --format coco: COCO file (JSON) whose ids of images and categories are used")
	o.files.flags(c, "output", "out", "crops")
}

// parse checks the values of the flags.
func (o *resultOptions) parse(c *cobra.Command) (err error) {
	changed := c.Flags().Changed
	if o.json {
		if changed("format") && o.format != string(results.JSONLines) {
			return fmt.Errorf("--json is --format jsonl, which contradicts --format %s", o.format)
		}
		o.format = string(results.JSONLines)
	}
	if o.kind, err = results.ParseFormat(o.format); err != nil {
		return fmt.Errorf("--format %w", err)
	}
	if o.marks, err = imaging.ParseMarks(o.draw); err != nil {
		return fmt.Errorf("--draw %w", err)
	}
	if o.kind.PerImage() && !changed("draw") {
		o.marks = imaging.None
	}
	switch {
	case o.kind.PerImage() && o.out == "":
		return fmt.Errorf("--format %s has one file per image: want --out DIR", o.kind)
	case o.kind.PerImage() && changed("output"):
		return fmt.Errorf("--format %s has one file per image, which --out gets: --output is for the other formats", o.kind)
	case changed("draw") && o.out == "":
		return errors.New("--draw without --out has no effect: no images are written")
	case o.marks == imaging.None && o.out != "" && !o.kind.PerImage():
		return errors.New("--draw none leaves nothing to write to --out: leave out one of them")
	case o.ids != "" && o.kind != results.COCO:
		return fmt.Errorf("--ids is for --format coco, not for %s", o.kind)
	}
	return o.checkResume()
}

// checkShard returns an error if the results of a part make no sense beside those of the others.
func (o *resultOptions) checkShard(part shard.Shard) error {
	if part.Of > 0 && o.kind == results.COCO && o.ids == "" {
		return fmt.Errorf("--shard %v with --format coco: every part would number its images from 1: give --ids FILE, or choose another format", part)
	}
	return nil
}

// prepare names and checks the outputs of the shard's sources. Names are those of the whole list, so that shards write different files. read are files that
// are read besides the sources.
func (o *resultOptions) prepare(all []media.Source, part shard.Shard, read ...string) (list []media.Source, err error) {
	if o.names, err = sourceNames(all); err != nil {
		return nil, err
	}
	if o.kind.PerImage() {
		if err := differentStems(differentImages(all)); err != nil {
			return nil, fmt.Errorf("--format %s: %w", o.kind, err)
		}
	}
	o.continues = part.Index > 0
	first, end := part.Range(len(all))
	list, o.names = all[first:end], o.names[first:end]
	read = append(read, o.filesRead(all)...)
	if o.resume {
		if list, o.names, err = o.remaining(list, o.names, read); err != nil {
			return nil, err
		}
	}
	if !o.kind.TakesFrames() && slices.ContainsFunc(list, media.Source.Stream) {
		return nil, fmt.Errorf("--format %s is for images: video frames have no address of their own", o.kind)
	}
	o.drawn = make([]string, len(list))
	var written []output
	for i, s := range list {
		if o.draws(o.names[i]) {
			written = append(written, in(o.out, s.Name, o.names[i])...)
			o.drawn[i] = within(o.out, o.names[i])
		}
	}
	if o.kind.PerImage() {
		written = append(written, in(o.out, "--format "+string(o.kind), o.kind.Files(o.imageNames(list), o.continues)...)...)
	}
	if o.table != "" && (!o.resume || o.files.force) { // --resume wants a file that is there
		written = append(written, output{of: "--output", path: o.table})
		if path := o.settingsFile(); path != "" {
			written = append(written, output{of: "the settings of --output", path: path})
		}
	}
	return list, cmp.Or(o.checkCrops(all), o.files.check(read, written...))
}

// filesRead are the files that are read, as far as they are known.
func (o *resultOptions) filesRead(all []media.Source) (files []string) {
	if o.ids != "" {
		files = append(files, o.ids)
	}
	for _, s := range all {
		if s.File != "" {
			files = append(files, s.File)
		}
	}
	return files
}

// draws reports whether the source of a name below --out is drawn.
func (o *resultOptions) draws(name string) bool {
	return o.out != "" && o.marks != imaging.None && name != ""
}

// imageNames are the names of those sources that are one image.
func (o *resultOptions) imageNames(list []media.Source) (names []string) {
	for i, s := range list {
		if !s.Stream() {
			names = append(names, o.names[i])
		}
	}
	return names
}

// checkCrops refuses a folder of crops with files in it, because the names of crops are not known before.
func (o *resultOptions) checkCrops(list []media.Source) error {
	if o.crops == "" {
		return nil
	}
	for _, s := range list {
		if s.File != "" && isBelow(resolve(s.File), resolve(o.crops)) {
			return fmt.Errorf("--crops %s: %s is in this folder and might be replaced", o.crops, s.File)
		}
	}
	entries, err := os.ReadDir(o.crops)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return o.files.check(nil, in(o.crops, "--crops", "any")...) // the folder can be made
	case err != nil:
		return fmt.Errorf("--crops %w", err)
	case len(entries) > 0 && !o.files.force:
		return fmt.Errorf("--crops %s: the folder has files already; --force adds to them and replaces those of the same name", o.crops)
	}
	return nil
}

// toFiles reports whether the results go to files, not to standard output.
func (o *resultOptions) toFiles() bool { return o.table != "" || o.kind.PerImage() }

// readIDs reads the file of --ids. all are the sources of all parts: two of them that have one id may be in different parts.
func (o *resultOptions) readIDs(classes []string, all []media.Source) error {
	if o.ids == "" {
		return nil
	}
	d, err := coco.ReadCOCO(o.ids, "")
	if err == nil {
		o.cocoIDs, err = results.IDsOf(d, classes)
	}
	if err == nil {
		var files []string
		for _, s := range differentImages(all) {
			files = append(files, s.Name)
		}
		err = o.cocoIDs.Check(files)
	}
	if err != nil {
		return fmt.Errorf("--ids %w", err)
	}
	return nil
}

// open returns the writer of the results. closeAll closes their file.
func (o *resultOptions) open(stdout io.Writer, classes []string) (w results.Writer, closeAll func() error, err error) {
	to, closeAll := stdout, func() error { return nil }
	if o.table != "" {
		create := o.files.create
		if o.resume {
			create = o.openKept
		}
		file, err := create(o.table)
		if err != nil {
			return nil, nil, err
		}
		to, closeAll = file, file.Close
		if err := o.writeSettings(); err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
	}
	w, err = results.New(o.kind, results.Options{Classes: classes, To: to, Put: o.putBelow(o.out), IDs: o.cocoIDs, Continues: o.continues})
	return w, closeAll, err
}

// putBelow returns a function that writes files below a folder.
func (o *resultOptions) putBelow(dir string) func(name string, data []byte) error {
	return func(name string, data []byte) error {
		return o.files.write(within(dir, filepath.FromSlash(name)), func(path string) error { return os.WriteFile(path, data, 0o644) })
	}
}

// create creates a file that is written while the command runs, by the rule of outputs.
func (o *outputs) create(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	how := os.O_EXCL
	if o.force {
		how = os.O_TRUNC
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|how, 0o644)
	if os.IsExist(err) {
		return nil, thereError(path)
	}
	return file, err
}
