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
	"scalenet/internal/media"
	"scalenet/internal/shard"
	"scalenet/track"
)

type detectOptions struct {
	model   modelOptions
	choice  choiceOptions
	results resultOptions
	tracks  trackOptions
	tiles   tileOptions
	streams streamOptions
	batch   int
	sources media.Options
	shard   shard.Shard
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

--format chooses text, jsonl, csv, coco or labelstudio, which go to standard output
or to --output FILE, or yolo or voc, which have one file per image in --out. For these
two, images of one folder must differ in more than their extensions.

With --out, the images are also written as JPEGs with the boxes drawn: a.png as
a.jpg, or as a.png.jpg if the folder has an a.jpg, too. Subfolders are kept, and
so are folder names if images of several folders have the same name. Videos are
written as MP4. Existing files are not replaced unless --force is given. Inputs
are never replaced.

--track gives the objects of videos ids that stay from frame to frame. --count-line
and --count-zone count them.

--tile 640 detects in overlapping tiles of that many pixels and in the whole image:
for large images with small objects. TIFF and JPEG files too large to be decoded at
once are read in strips.

Images and frames that cannot be read are reported, the others are done, and the
exit status is 1.`,
		Example: `  scalenet detect --model models/bccd.safetensors photos/
  scalenet detect --model models/bccd.safetensors --threshold 0.5 --json --out boxes photo.jpg
  scalenet detect --model models/bccd.safetensors --threshold RBC=0.7,WBC=0.9,0.5 photo.jpg
  scalenet detect --model models/everyday.safetensors --stride 25 --json clip.mp4 > frames.jsonl
  scalenet detect --model models/everyday.safetensors --track --count-line 0,300,640,300 --out boxes clip.mp4
  scalenet detect --model models/bccd.safetensors --format coco --output found.json --tile 640 slides/
  curl -s https://example.org/photo.jpg | scalenet detect --model models/everyday.safetensors -`,
		Args: takes("SOURCE..."),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args) },
	}
	f := c.Flags()
	o.choice.flags(c)
	o.results.flags(c)
	f.IntVar(&o.batch, "batch", 1, "number of images of the same input size that go through the network together")
	f.IntVar(&o.sources.Stride, "stride", 1, "of videos take every N-th frame")
	f.Var(&moment{&o.sources.From}, "from", "of videos skip what comes before this time: seconds or hh:mm:ss")
	f.Var(&moment{&o.sources.To}, "to", "of videos skip what comes after this time (default: the end)")
	f.BoolVar(&o.sources.Private, "private", false, "connect also to addresses of this machine and its networks, such as cameras")
	addShard(f, &o.shard, "part I of N of the sources, such as 0/4, counted from 0")
	o.tracks.flags(c)
	o.tiles.flags(c)
	o.streams.flags(c, 0)
	o.model.flags(c)
	return c
}

func (o *detectOptions) run(c *cobra.Command, arguments []string) error {
	if err := o.check(c); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	o.sources.Stdin, o.sources.Without, o.sources.Large = c.InOrStdin(), withoutFolder(o.results.out), o.tiles.Side > 0
	all, err := media.List(ctx, arguments, o.sources)
	if err != nil {
		return err
	}
	list, err := o.results.prepare(all, o.shard, o.model.path)
	if err != nil {
		return err
	}
	if err := o.tracks.check(list); err != nil {
		return err
	}
	model, err := o.model.load()
	if err != nil {
		return err
	}
	o.results.made = o.resumeFacts(c, model)
	if err := cmp.Or(o.results.checkSettings(len(list)), o.results.readIDs(model.Classes, all)); err != nil {
		return err
	}
	selection, err := o.choice.selection(model, o.model.path)
	if err != nil {
		return err
	}
	d, closeAll, err := o.streams.open(model, &o.model)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := o.all(ctx, c, d, selections{selection, selection.Lowered(float32(track.Default().Low))}, list); err != nil {
		return err
	}
	return o.results.removeSettings()
}

// check checks the flags.
func (o *detectOptions) check(c *cobra.Command) error {
	switch s := o.sources; {
	case o.batch < 1 || o.batch > mostBatch:
		return fmt.Errorf("--batch %d: want 1 to %d", o.batch, mostBatch)
	case s.Stride < 1:
		return fmt.Errorf("--stride %d: want at least 1", s.Stride)
	case s.To > 0 && s.To <= s.From:
		return fmt.Errorf("--to %v is not after --from %v", s.To, s.From)
	}
	return cmp.Or(o.choice.parse(c), o.results.parse(c), o.results.checkShard(o.shard), o.tracks.parse(), o.tiles.check(c), o.streams.check(&o.model.device))
}

// all runs the detector on the images of all sources.
func (o *detectOptions) all(ctx context.Context, c *cobra.Command, d *detector.Detector, s selections, list []media.Source) (err error) {
	w, err := newDetectWriter(ctx, o, c, s, d.Model().Classes, list)
	if err != nil {
		return err
	}
	settings := d.Model().Settings()
	settings.TTA = o.choice.views
	if o.tracks.on {
		s.followed.Apply(&settings)
	} else {
		s.image.Apply(&settings)
	}
	if o.tiles.Side == 0 {
		o.sources.Needed = d.Model().Needed(settings)
	}
	b := &batches{detector: d, settings: settings, size: o.batch, tiles: o.tiles, use: w.put}
	o.sources.Ahead, o.sources.Lost = o.batch+d.MaxPending()+2, w.tally.note
	for im := range media.Images(ctx, list, o.sources) {
		if im.Err != nil {
			w.tally.fail(im.Err)
			continue
		}
		if err = b.add(ctx, im, list[im.Source].Live()); err != nil {
			break
		}
	}
	if err == nil {
		err = b.flush(ctx)
	}
	return cmp.Or(w.close(ctx), err)
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
