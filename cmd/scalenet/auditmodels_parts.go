package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"scalenet/coco"
)

// auditedPart is a part of the images, and the others, on which the model is trained that judges it.
type auditedPart struct{ judged, training *coco.Dataset }

// divide returns the parts, by class. Near copies are in one part: a model would know them. What would end a training is an error before the first.
func (o *auditModels) divide(ctx context.Context, w io.Writer, d *coco.Dataset) (parts []auditedPart, err error) {
	if o.skipBad {
		d, err = onlyReadable(ctx, w, d)
	} else {
		err = checkReadable(ctx, w, d, "images read", "mend or replace the image, or leave such images out with --skip-bad")
	}
	if err != nil {
		return nil, err
	}
	copies, err := nearCopies(ctx, w, d)
	if err != nil {
		return nil, err
	}
	number, err := o.number(d, copies)
	if err != nil {
		return nil, err
	}
	names, err := wholePaths(d)
	if err != nil {
		return nil, err
	}
	d.FillSizes()
	for i := range o.parts {
		training, judged := make([]string, len(names)), make([]string, len(names))
		for image, name := range names {
			if number[image] == i {
				judged[image] = name
			} else {
				training[image] = name
			}
		}
		part := auditedPart{d.Renamed(judged), d.Renamed(training)}
		if err := part.trainable(groupsIn(part.training, d, copies)); err != nil {
			return nil, fmt.Errorf("%w: part %d of %d is judged by a model that is trained on the other %d images, at least two of which need objects and must be no copies of each other: add images, or give other --parts",
				err, i+1, o.parts, len(part.training.Images))
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// trainable returns an error if train would not divide the images to train on.
func (p *auditedPart) trainable(copies [][]int) error {
	_, val, err := p.training.Split(validationFraction, divideSeed, copies...)
	if err == nil && val.Findable() == 0 {
		err = fmt.Errorf("%s: too few images have objects that count", p.training.Path)
	}
	return err
}

// number returns the part of each image, from 0.
func (o *auditModels) number(d *coco.Dataset, copies [][]int) ([]int, error) {
	at := make(map[int64]int, len(d.Images)) // of an image's id
	for i := range d.Images {
		at[d.Images[i].ID] = i
	}
	number := make([]int, len(d.Images))
	for rest, i := d, o.parts-1; i > 0; i-- {
		var split *coco.Dataset
		var err error
		if rest, split, err = rest.Split(1/float64(i+1), divideSeed, groupsIn(rest, d, copies)...); err != nil {
			return nil, fmt.Errorf("--parts %d: %w: add images, or give fewer parts", o.parts, err)
		}
		for image := range split.Images {
			number[at[split.Images[image].ID]] = i
		}
	}
	return number, nil
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
