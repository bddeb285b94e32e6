package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/internal/pending"
	"scalenet/roi"
)

type detectOptions struct {
	model     modelOptions
	out       string
	output    outputs
	threshold detector.Threshold
	json      bool

	scores detector.MinScores // of the threshold, for the model
}

func newDetectCommand() *cobra.Command {
	var o detectOptions
	c := &cobra.Command{
		Use:   "detect --model FILE PATH...",
		Short: "Detect objects in images",
		Long: `Detect objects in image files, or in all images of a folder and its subfolders.
Boxes are printed as x1 y1 x2 y2 in pixels, after applying the EXIF orientation.

--threshold best takes the score threshold of each class that eval
--choose-threshold stored in the model. In a list by class, a value without a class
is for the other classes. An item with a comma in the class name is put in double
quotes: '"left, upper=0.4",best'.

With --out, the images are also written as JPEGs with the boxes drawn: a.png as
a.jpg, or as a.png.jpg if the folder has an a.jpg, too. Subfolders are kept, and
so are folder names if images of several folders have the same name. Existing
files are not replaced unless --force is given. Input images are never replaced.

Images that cannot be read are reported after all others are done, with exit
status 1.`,
		Example: `  scalenet detect --model models/bccd.safetensors examples/
  scalenet detect --model models/bccd.safetensors --threshold 0.5 --json --out boxes photo.jpg
  scalenet detect --model models/bccd.safetensors --threshold RBC=0.7,WBC=0.9,0.5 photo.jpg`,
		Args: takes("PATH..."),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	addThreshold(f, &o.threshold, "minimum score of the detections shown")
	f.BoolVar(&o.json, "json", false, "print one JSON object per image")
	f.StringVar(&o.out, "out", "", "folder for the images with boxes drawn")
	o.output.flags(c, "out")
	o.model.flags(c)
	return c
}

// detectedImage is what `detect --json` prints for an image.
type detectedImage struct {
	File       string           `json:"file"`
	Width      int              `json:"width"`
	Height     int              `json:"height"`
	Detections []detectedObject `json:"detections"`
}

type detectedObject struct {
	ClassID int32      `json:"class_id"`
	Label   string     `json:"label"`
	Score   float32    `json:"score"`
	Box     [4]float32 `json:"box"` // x1, y1, x2, y2
}

func (o *detectOptions) run(c *cobra.Command, paths []string) error {
	list, err := images(paths, o.out)
	if err != nil {
		return err
	}
	drawn, err := o.outputs(list)
	if err != nil {
		return err
	}
	model, err := o.model.load()
	if err != nil {
		return err
	}
	if o.scores, err = o.threshold.For(model); err != nil {
		return fmt.Errorf("--threshold %v: %s: %w", o.threshold, o.model.path, err)
	}
	d, closeAll, err := o.model.open(model)
	if err != nil {
		return err
	}
	defer closeAll()
	return o.all(c, d, list, drawn)
}

// all runs the detector on the images in turn.
func (o *detectOptions) all(c *cobra.Command, d *detector.Detector, list []listed, drawn []string) error {
	failed := imageErrors{to: c.ErrOrStderr(), of: len(list)}
	var queue pending.Queue
	for i, p := range list {
		if err := c.Context().Err(); err != nil {
			return err
		}
		next, err := o.start(d, p.file, drawn[i])
		if err != nil {
			failed.add(err)
			continue
		}
		queue.Add(func() error { return failed.add(o.show(c.OutOrStdout(), d, next)) })
		if err := queue.FinishAllBut(d.MaxPending()); err != nil {
			return err
		}
	}
	if err := queue.FinishAllBut(0); err != nil {
		return err
	}
	return failed.err()
}

// imageErrors collects errors that concern one image each. Errors of several
// images are reported together.
type imageErrors struct {
	to   io.Writer
	of   int // images
	list []error
}

// add collects err, or returns err if it does not concern a single image.
func (e *imageErrors) add(err error) error {
	if err == nil || errors.As(err, new(*printError)) {
		return err
	}
	if e.list = append(e.list, err); e.of > 1 {
		fmt.Fprintln(e.to, oneLine(err))
	}
	return nil
}

func (e *imageErrors) err() error {
	switch {
	case len(e.list) == 0:
		return nil
	case e.of == 1:
		return e.list[0]
	}
	return fmt.Errorf("%d of %d images failed", len(e.list), e.of)
}

// outputs returns and checks the output file of each image, "" if there is none.
func (o *detectOptions) outputs(list []listed) (files []string, err error) {
	if o.out == "" {
		return make([]string, len(list)), nil
	}
	if files, err = drawnNames(list); err != nil {
		return nil, err
	}
	read, written := []string{o.model.path}, []output(nil)
	for i, p := range list {
		read = append(read, p.file)
		if files[i] == "" {
			continue
		}
		written = append(written, in(o.out, p.file, files[i])...)
		files[i] = within(o.out, files[i])
	}
	return files, o.output.check(read, written...)
}

// started is an image whose detection has been started.
type started struct {
	file, drawn string
	image       *imaging.Image
	run         *detector.Run
}

func (o *detectOptions) start(d *detector.Detector, file, drawn string) (started, error) {
	image, err := imaging.Load(file, imaging.Limits{})
	if err != nil {
		return started{}, err
	}
	settings := d.Model().Settings()
	o.scores.Narrow(&settings.Detections)
	run, err := d.Start(detector.Query{Image: image, Settings: settings})
	if err != nil {
		return started{}, fmt.Errorf("%s: %w", file, err)
	}
	return started{file, drawn, image, run}, nil
}

// show waits for the detections of an image, and draws and prints them.
func (o *detectOptions) show(w io.Writer, d *detector.Detector, s started) error {
	all, _, err := s.run.Wait()
	if err != nil {
		return fmt.Errorf("%s: %w", s.file, err)
	}
	found := o.scores.Keep(all[0])
	classes := d.Model().Classes
	if s.drawn != "" {
		if err := o.draw(s, found, classes); err != nil {
			return err
		}
	}
	if !o.json {
		text := fmt.Appendf(nil, "%s: %d objects\n", s.file, len(found))
		for _, x := range found {
			text = fmt.Appendf(text, "  %-12s %.3f  %7.1f %7.1f %7.1f %7.1f\n", classes[x.Class-1], x.Score, x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2)
		}
		_, err := w.Write(text)
		return err
	}
	line := detectedImage{File: s.file, Width: s.image.W, Height: s.image.H, Detections: []detectedObject{}}
	for _, x := range found {
		line.Detections = append(line.Detections, detectedObject{x.Class, classes[x.Class-1], x.Score, [4]float32{x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2}})
	}
	return json.NewEncoder(w).Encode(line)
}

// draw writes the image with its boxes.
func (o *detectOptions) draw(s started, found []roi.Detection, classes []string) error {
	drawn := s.image.Clone()
	if err := drawn.Draw(detector.Annotations(found, classes)...); err != nil {
		return err
	}
	return o.output.write(s.drawn, drawn.Save)
}
