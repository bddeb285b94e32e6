package results

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"scalenet/coco"
	"scalenet/internal/brief"
)

// COCOIDs are the ids of a COCO data set, for results that are to be evaluated with it.
type COCOIDs struct {
	source     string
	images     map[string]int64 // by file name, and by base name if only one image has it
	categories []int64          // of the classes 1..K
}

// ambiguous is the id of a base name that several images have.
const ambiguous = -1 << 62

// IDsOf returns the ids of a data set, whose classes must include those of the model.
func IDsOf(d *coco.Dataset, classes []string) (COCOIDs, error) {
	ids := COCOIDs{source: d.Path, images: map[string]int64{}}
	names := d.ClassNames()
	for _, class := range classes {
		k := slices.Index(names, class)
		if k < 0 {
			return COCOIDs{}, fmt.Errorf("%s: categories: no %q, which is a class of the model; there are %s", d.Path, brief.Text(class), brief.List(names))
		}
		ids.categories = append(ids.categories, d.Categories[k].ID)
	}
	for _, m := range d.Images {
		base := path.Base(filepath.ToSlash(m.FileName))
		if _, taken := ids.images[base]; taken {
			ids.images[base] = ambiguous
		} else {
			ids.images[base] = m.ID
		}
	}
	for _, m := range d.Images {
		ids.images[filepath.ToSlash(m.FileName)] = m.ID
	}
	return ids, nil
}

// Image returns the id of an image file: of the image in the data set with the longest file name that the path ends with. A file that the data set does
// not have is an error, as is a name that several of its images have.
func (ids COCOIDs) Image(file string) (int64, error) {
	for name := filepath.ToSlash(file); ; {
		if id, ok := ids.images[name]; ok {
			if id == ambiguous {
				return 0, fmt.Errorf("%s: %s has several images of this name", brief.Text(file), ids.source)
			}
			return id, nil
		}
		at := strings.IndexAny(name, "/:") // photos.zip:a.jpg is the file a.jpg of an archive
		if at < 0 {
			return 0, fmt.Errorf("%s: %s has no image of this name", brief.Text(file), ids.source)
		}
		name = name[at+1:]
	}
}

// Check returns an error if two of the files would get one id, as happens where two folders have a file of the name that the data set has once. Files that the
// data set does not have are passed over.
func (ids COCOIDs) Check(files []string) error {
	given := givenIDs{}
	for _, file := range files {
		if id, err := ids.Image(file); err == nil {
			if err := given.add(ids, id, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// givenIDs are the ids that were given, with the files that have them.
type givenIDs map[int64]string

// add returns an error if an image has the id already: an evaluator would take the results of both for one image's.
func (g givenIDs) add(ids COCOIDs, id int64, file string) error {
	if other, taken := g[id]; taken {
		return fmt.Errorf("%s: its image_id in %s would be %d, which %s has already", brief.Text(file), ids.source, id, brief.Text(other))
	}
	g[id] = file
	return nil
}

// cocoResult is a COCO result. file_name, frame, time and track_id are skipped by evaluators; without a data set's ids they say which image it is of.
type cocoResult struct {
	Image    int64      `json:"image_id"`
	Category int64      `json:"category_id"`
	Box      [4]float64 `json:"bbox"` // x, y, width, height
	Score    float64    `json:"score"`
	File     string     `json:"file_name"`
	Frame    *int       `json:"frame,omitempty"`
	Time     *float64   `json:"time,omitempty"`
	Track    int        `json:"track_id,omitempty"`
}

type cocoWriter struct {
	ids   COCOIDs
	given givenIDs // with ids
	added int64
	array jsonArray
}

func (w *cocoWriter) Add(m Image) error {
	w.added++
	id := w.added
	if w.ids.images != nil {
		var err error
		if id, err = w.ids.Image(m.File); err != nil {
			return err
		}
		if err := w.given.add(w.ids, id, m.File); err != nil {
			return err
		}
	}
	results := make([]any, len(m.Objects))
	for i, x := range m.Objects {
		r := cocoResult{Image: id, Category: int64(x.Class), Box: xywh(x.Box), Score: float64(x.Score), File: m.File, Track: x.Track}
		if w.ids.categories != nil {
			r.Category = w.ids.categories[x.Class-1]
		}
		if f := m.Frame; f != nil {
			t := seconds(f.Time)
			r.Frame, r.Time = &f.Index, &t
		}
		results[i] = r
	}
	return w.array.add(results...)
}

func (w *cocoWriter) Close() error { return w.array.close() }
