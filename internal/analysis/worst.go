package analysis

import (
	"fmt"
	"os"

	"scalenet/coco"
	"scalenet/geom"
	"scalenet/imaging"
)

// imageSide is the longest side of an image in a report, in pixels.
const imageSide = 640

// Colours of boxes in a report, as classes of imaging.ClassColor.
const (
	foundColour   = 9  // green
	falseColour   = 5  // red
	missedColour  = 2  // blue
	ignoredColour = 10 // yellow
)

// Draw draws image i (an index of the data set) with its detections and objects at the operating point: true positives green,
// false positives red, missed objects blue, ignored objects yellow. Without an image file the boxes are on a blank canvas.
func (a *Analysis) Draw(i int) (*imaging.Image, error) {
	j := a.scenes[i].match(a.Point.Score)
	image, scale, err := a.canvas(i)
	if err != nil {
		return nil, err
	}
	names := coco.UniqueNames(a.gt.Categories)
	var boxes []imaging.Annotation
	add := func(box *[4]float64, text string, colour int) {
		boxes = append(boxes, imaging.Annotation{Box: geom.Box{X1: float32(box[0] * scale), Y1: float32(box[1] * scale),
			X2: float32((box[0] + box[2]) * scale), Y2: float32((box[1] + box[3]) * scale)}, Text: text, Class: colour})
	}
	for _, o := range j.ignored {
		add(&o.Box, "", ignoredColour)
	}
	for k, d := range j.kept { // mistakes are drawn last, and only they have a label
		if j.outcome[k] == right {
			add(d.box, "", foundColour)
		}
	}
	for k, o := range j.objects {
		if j.missed[k] {
			add(&o.Box, names[o.Class-1], missedColour)
		}
	}
	for k, d := range j.kept {
		if j.outcome[k] == wrong {
			add(d.box, fmt.Sprintf("%s %.2f", names[d.class-1], d.score), falseColour)
		}
	}
	return image, image.Draw(boxes...)
}

// canvas returns the image or a white canvas, and its scale relative to the annotation.
func (a *Analysis) canvas(i int) (*imaging.Image, float64, error) {
	if path := a.imagePath(i); path != "" {
		image, err := imaging.Load(path, imaging.Limits{})
		if err != nil {
			return nil, 0, err
		}
		size := geom.Size{W: image.W, H: image.H}
		scale := fitInto(size)
		if scale < 1 {
			if image, err = image.Resize(max(1, int(float64(size.W)*scale)), max(1, int(float64(size.H)*scale))); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", path, err)
			}
		}
		return image, scale, nil
	}
	size := a.extent(i)
	scale := fitInto(size)
	image := imaging.New(max(1, int(float64(size.W)*scale)), max(1, int(float64(size.H)*scale)))
	for k := range image.Pix {
		image.Pix[k] = 250
	}
	return image, scale, nil
}

// imagePath returns "" if there is no image file.
func (a *Analysis) imagePath(i int) string {
	if a.gt.ImagesDir == "" || a.gt.Images[i].FileName == "" {
		return ""
	}
	path := a.gt.ImagePath(i)
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

func fitInto(s geom.Size) float64 { return min(1, imageSide/float64(max(s.W, s.H, 1))) }

// extent returns the annotated size of an image, or the size that contains all of its objects and detections.
func (a *Analysis) extent(i int) geom.Size {
	if m := a.gt.Images[i]; m.Width > 0 && m.Height > 0 {
		return geom.Size{W: m.Width, H: m.Height}
	}
	const least, most = 100, 1e6
	w, h := float64(least), float64(least)
	grow := func(box *[4]float64) { w, h = max(w, box[0]+box[2]), max(h, box[1]+box[3]) }
	s := &a.scenes[i]
	for _, list := range [][]*coco.Annotation{s.objects, s.ignored} {
		for _, o := range list {
			grow(&o.Box)
		}
	}
	for _, d := range s.match(a.Point.Score).kept {
		grow(d.box)
	}
	return geom.Size{W: int(min(w, most)), H: int(min(h, most))}
}
