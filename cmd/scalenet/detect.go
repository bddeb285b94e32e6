package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"scalenet/detector"
	"scalenet/imaging"
	"scalenet/roi"
)

type detectOptions struct {
	model     modelOptions
	out       string
	threshold float64
	json      bool
}

func newDetectCommand() *cobra.Command {
	var o detectOptions
	c := &cobra.Command{
		Use:   "detect --model FILE PATH...",
		Short: "Find objects in pictures",
		Long: `Find objects in pictures: files, or all pictures of a folder and its subfolders.
Detections are printed, boxes as x1 y1 x2 y2 in pixels of the upright picture;
with --out, the pictures are also written there with the boxes drawn.

A picture that cannot be read is an error that names it; the others are done
first, and the exit status is 1.`,
		Example: `  scalenet detect --model models/bccd.safetensors examples/
  scalenet detect --model models/bccd.safetensors --threshold 0.5 --json --out boxes photo.jpg`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	f.Float64Var(&o.threshold, "threshold", 0.5, "show detections scored at least this")
	f.BoolVar(&o.json, "json", false, "print a JSON object a picture")
	f.StringVar(&o.out, "out", "", "folder for pictures with the boxes drawn")
	o.model.flags(c)
	return c
}

// detectedPicture is what `detect --json` prints for a picture.
type detectedPicture struct {
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
	if !(o.threshold >= 0 && o.threshold <= 1) {
		return fmt.Errorf("--threshold %v: want a number from 0 to 1", o.threshold)
	}
	files, err := pictures(paths)
	if err != nil {
		return err
	}
	model, err := o.model.load()
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return err
		}
	}
	d, closeAll, err := o.model.open(model)
	if err != nil {
		return err
	}
	defer closeAll()
	var failed []error
	note := func(err error) {
		if err == nil {
			return
		}
		failed = append(failed, err)
		if len(files) > 1 {
			fmt.Fprintln(c.ErrOrStderr(), oneLine(err))
		}
	}
	var under []started
	for _, file := range files {
		if err := c.Context().Err(); err != nil {
			return err
		}
		next, err := start(d, file)
		if note(err); err != nil {
			continue
		}
		if under = append(under, next); len(under) > d.Ahead() {
			note(o.show(c, d, under[0]))
			under = under[1:]
		}
	}
	for _, s := range under {
		note(o.show(c, d, s))
	}
	switch {
	case len(failed) == 0:
		return nil
	case len(files) == 1:
		return failed[0]
	}
	return fmt.Errorf("%d of %d pictures failed", len(failed), len(files))
}

// pictures lists the files that the arguments name: files as they are, of
// folders those with a picture's extension.
func pictures(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		inside, err := imaging.List(path)
		if err != nil {
			return nil, err
		}
		if len(inside) == 0 {
			return nil, fmt.Errorf("%s: no pictures in the folder (%s)", path, strings.Join(imaging.Extensions(), ", "))
		}
		files = append(files, inside...)
	}
	return files, nil
}

// started is a picture that the detector has begun with.
type started struct {
	file    string
	picture *imaging.Image
	run     *detector.Run
}

func start(d *detector.Detector, file string) (started, error) {
	picture, err := imaging.Load(file, imaging.Limits{})
	if err != nil {
		return started{}, err
	}
	run, err := d.Start(detector.Query{Image: picture, Settings: d.Model().Settings()})
	if err != nil {
		return started{}, fmt.Errorf("%s: %w", file, err)
	}
	return started{file, picture, run}, nil
}

// show waits for what is found in a picture, and prints and draws it.
func (o *detectOptions) show(c *cobra.Command, d *detector.Detector, s started) error {
	file, picture := s.file, s.picture
	all, _, err := s.run.Wait()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	found := slices.DeleteFunc(all[0], func(x roi.Detection) bool { return float64(x.Score) < o.threshold })
	classes := d.Model().Classes
	if o.out != "" {
		if err := o.draw(picture, found, classes, file); err != nil {
			return err
		}
	}
	w := c.OutOrStdout()
	if !o.json {
		fmt.Fprintf(w, "%s: %d objects\n", file, len(found))
		for _, x := range found {
			fmt.Fprintf(w, "  %-12s %.3f  %7.1f %7.1f %7.1f %7.1f\n", classes[x.Class-1], x.Score, x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2)
		}
		return nil
	}
	line := detectedPicture{File: file, Width: picture.W, Height: picture.H, Detections: []detectedObject{}}
	for _, x := range found {
		line.Detections = append(line.Detections, detectedObject{x.Class, classes[x.Class-1], x.Score, [4]float32{x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2}})
	}
	return json.NewEncoder(w).Encode(line)
}

// draw writes the picture with its boxes as a JPEG of the same name.
func (o *detectOptions) draw(picture *imaging.Image, found []roi.Detection, classes []string, file string) error {
	drawn := picture.Clone()
	if err := drawn.Draw(detector.Annotations(found, classes)...); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) + ".jpg"
	return drawn.Save(filepath.Join(o.out, name))
}
