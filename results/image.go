package results

import (
	"fmt"
	"slices"
	"time"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
	"scalenet/track"
)

// Image is an image or a video frame, and the objects found in it.
type Image struct {
	File          string // as the user named it
	Out           string // path below the output folder, such as sub/a.jpg, for formats of one file per image; "" writes no file
	Width, Height int    // in pixels, after applying the EXIF orientation
	Frame         *Frame // nil for an image
	Objects       []Object
}

// Frame is the place of an image in a video.
type Frame struct {
	Index  int           // from 0
	Time   time.Duration // negative if it is unknown
	Counts track.Counts  // after this frame
}

// Object is a detected object.
type Object struct {
	Class int32 // from 1
	Label string
	Score float32
	Box   geom.Box
	Track int // from 1; 0 is none
}

// Objects returns detections as objects, without tracks. classes are the names of the model's classes.
func Objects(found []roi.Detection, classes []string) []Object {
	objects := make([]Object, len(found))
	for i, d := range found {
		objects[i] = Object{Class: d.Class, Label: classes[d.Class-1], Score: d.Score, Box: d.Box}
	}
	return objects
}

// Annotations returns objects as annotations to draw: class name, track and score. The first object is drawn last, on top.
func Annotations(objects []Object) (list []imaging.Annotation) {
	for _, x := range slices.Backward(objects) {
		text := fmt.Sprintf("%s %.2f", x.Label, x.Score)
		if x.Track > 0 {
			text = fmt.Sprintf("%s #%d %.2f", x.Label, x.Track, x.Score)
		}
		list = append(list, imaging.Annotation{Box: x.Box, Text: text, Class: int(x.Class)})
	}
	return list
}

// Follow gives the objects of the next frame their tracks.
func Follow(t *track.Tracker, objects []Object) {
	found := make([]track.Detection, len(objects))
	for i, x := range objects {
		found[i] = track.Detection{Box: x.Box, Score: x.Score}
	}
	for i, id := range t.Update(found) {
		objects[i].Track = id
	}
}

// Count counts the objects of the next frame, after Follow, and returns the counts so far.
func Count(c *track.Counter, objects []Object) track.Counts {
	boxes, ids := make([]geom.Box, len(objects)), make([]int, len(objects))
	for i, x := range objects {
		boxes[i], ids[i] = x.Box, x.Track
	}
	c.Update(boxes, ids)
	return c.Counts()
}
