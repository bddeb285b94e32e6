package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"scalenet/detector"
	"scalenet/internal/shard"
	"scalenet/media"
)

type detectOptions struct {
	model     modelOptions
	out       string
	output    outputs
	threshold detector.Threshold
	json      bool
	batch     int
	sources   media.Options
	shard     shard.Shard

	scores detector.MinScores // of the threshold, for the model
}

func newDetectCommand() *cobra.Command {
	var o detectOptions
	c := &cobra.Command{
		Use:   "detect --model FILE SOURCE...",
		Short: "Detect objects in images and videos",
		Long: `Detect objects in images and videos. A SOURCE is
  - an image or video file
  - a folder: all images in it and its subfolders
  - a pattern in quotes, such as 'photos/**/*.jpg'
  - an archive of images: .zip, .tar, .tar.gz
  - @FILE: a list with one source per line
  - -: an image, or JPEGs one after the other (MJPEG), on standard input
  - an http or https URL of an image or video, an rtsp URL
  - a camera, such as /dev/video0

Boxes are printed as x1 y1 x2 y2 in pixels, after applying the EXIF orientation.
Videos and cameras need ffmpeg. Of a camera the newest frame is taken.

--threshold best takes the score threshold of each class that eval
--choose-threshold stored in the model. In a list by class, a value without a class
is for the other classes. An item with a comma in the class name is put in double
quotes: '"left, upper=0.4",best'.

With --out, the images are also written as JPEGs with the boxes drawn: a.png as
a.jpg, or as a.png.jpg if the folder has an a.jpg, too. Subfolders are kept, and
so are folder names if images of several folders have the same name. Videos are
written as MP4. Existing files are not replaced unless --force is given. Inputs
are never replaced.

Images and frames that cannot be read are reported, the others are done, and the
exit status is 1.`,
		Example: `  scalenet detect --model models/bccd.safetensors examples/
  scalenet detect --model models/bccd.safetensors --threshold 0.5 --json --out boxes photo.jpg
  scalenet detect --model models/bccd.safetensors --threshold RBC=0.7,WBC=0.9,0.5 photo.jpg
  scalenet detect --model models/everyday.safetensors --stride 25 --json clip.mp4 > frames.jsonl
  curl -s https://example.org/photo.jpg | scalenet detect --model models/everyday.safetensors -`,
		Args: takes("SOURCE..."),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	addThreshold(f, &o.threshold, "minimum score of the detections shown")
	f.BoolVar(&o.json, "json", false, "print one JSON object per image or frame")
	f.StringVar(&o.out, "out", "", "folder for the images and videos with boxes drawn")
	f.IntVar(&o.batch, "batch", 1, "number of images of the same input size that go through the network together")
	f.IntVar(&o.sources.Stride, "stride", 1, "of videos take every N-th frame")
	f.Var(&moment{&o.sources.From}, "from", "of videos skip what comes before this time: seconds or hh:mm:ss")
	f.Var(&moment{&o.sources.To}, "to", "of videos skip what comes after this time (default: the end)")
	f.BoolVar(&o.sources.Private, "private", false, "connect also to addresses of this machine and its networks, such as cameras")
	addShard(f, &o.shard, "part I of N of the sources, such as 0/4, counted from 0")
	o.output.flags(c, "out")
	o.model.flags(c)
	return c
}

func (o *detectOptions) run(c *cobra.Command, arguments []string) error {
	if err := o.check(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	o.sources.Stdin, o.sources.Without = c.InOrStdin(), withoutFolder(o.out)
	list, err := media.List(ctx, arguments, o.sources)
	if err != nil {
		return err
	}
	list, drawn, err := o.outputs(list)
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
	return o.all(ctx, c, d, list, drawn)
}

func (o *detectOptions) check() error {
	switch s := o.sources; {
	case o.batch < 1:
		return fmt.Errorf("--batch %d: want at least 1", o.batch)
	case s.Stride < 1:
		return fmt.Errorf("--stride %d: want at least 1", s.Stride)
	case s.To > 0 && s.To <= s.From:
		return fmt.Errorf("--to %v is not after --from %v", s.To, s.From)
	}
	return nil
}

// all runs the detector on the images of all sources.
func (o *detectOptions) all(ctx context.Context, c *cobra.Command, d *detector.Detector, list []media.Source, drawn []string) (err error) {
	w, err := newDetectWriter(ctx, o, c, d.Model().Classes, list, drawn)
	if err != nil {
		return err
	}
	settings := d.Model().Settings()
	o.scores.Narrow(&settings.Detections)
	b := &batches{detector: d, settings: settings, size: o.batch, use: w.put}
	o.sources.Ahead, o.sources.Lost = o.batch+2, w.tally.note
	for im := range media.Images(ctx, list, o.sources) {
		if im.Err != nil {
			w.tally.fail(im.Err)
			continue
		}
		if err = b.add(im, list[im.Source].Live()); err != nil {
			break
		}
	}
	if err == nil {
		err = b.flush(ctx)
	}
	return cmp.Or(w.close(ctx), err)
}

// outputs returns the sources of the shard and the output file of each, "" if there is none. Names are those of the whole list, so that shards write
// different files.
func (o *detectOptions) outputs(all []media.Source) (list []media.Source, files []string, err error) {
	files = make([]string, len(all))
	if o.out != "" {
		if files, err = sourceNames(all); err != nil {
			return nil, nil, err
		}
	}
	first, end := o.shard.Range(len(all))
	list, files = all[first:end], files[first:end]
	read, written := []string{o.model.path}, []output(nil)
	for _, s := range all {
		if s.File != "" {
			read = append(read, s.File)
		}
	}
	for i, s := range list {
		if files[i] != "" {
			written = append(written, in(o.out, s.Name, files[i])...)
			files[i] = within(o.out, files[i])
		}
	}
	return list, files, o.output.check(read, written...)
}

// moment is a flag with a time in a video: seconds, or hours, minutes and seconds.
type moment struct{ to *time.Duration }

func (m *moment) Type() string { return "moment" }

func (m *moment) String() string {
	if m.to == nil || *m.to == 0 {
		return ""
	}
	return m.to.String()
}

func (m *moment) Set(text string) error {
	at, err := media.ParseTime(text)
	if err == nil {
		*m.to = at
	}
	return err
}
