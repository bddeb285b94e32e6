package coco

import (
	"fmt"
	"slices"
	"sync"

	"scalenet/geom"
	"scalenet/imaging"
)

// imageCache loads images and keeps the decoded images until its memory is used up. Nothing is evicted: every image is used about
// equally often, so any set of cached images saves the same.
type imageCache struct {
	data   *Dataset
	sizes  []geom.Size
	limits imaging.Limits
	needed imaging.Needed

	mu   sync.Mutex
	left int64 // bytes
	kept map[int]*imaging.Image
}

// load returns image i, reduced to what is needed, which is shared and must not be modified. An image whose size is not the annotated size is an error,
// because its boxes would be wrong.
func (c *imageCache) load(i int) (*imaging.Image, error) {
	c.mu.Lock()
	image := c.kept[i]
	c.mu.Unlock()
	if image != nil {
		return image, nil
	}
	image, err := loadImage(c.data.ImagePath(i), c.sizes[i], c.limits, c.needed)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := int64(len(image.Pix)); n <= c.left && c.kept[i] == nil {
		c.left -= n
		c.kept[i] = image
	}
	return image, nil
}

// loadImage loads an image, whose size must be the given one, and reduces it to what is needed.
func loadImage(path string, want geom.Size, limits imaging.Limits, needed imaging.Needed) (*imaging.Image, error) {
	image, size, err := imaging.LoadReduced(path, limits, needed)
	if err != nil {
		return nil, err
	}
	if want != size {
		hint := ""
		if want == (geom.Size{W: size.H, H: size.W}) {
			hint = "; was it annotated before EXIF turned it upright?"
		}
		return nil, fmt.Errorf("%s: the image has %dx%d pixels, its annotation says %dx%d%s", path, size.W, size.H, want.W, want.H, hint)
	}
	return image, nil
}

// imageSizes returns the annotated sizes. Sizes that are not annotated are read from the image files.
func imageSizes(d *Dataset, images []int, limits imaging.Limits) ([]geom.Size, error) {
	sizes := make([]geom.Size, len(d.Images))
	errs := make([]error, len(images))
	parallel(len(images), func(_ *struct{}, k int) {
		i := images[k]
		sizes[i] = geom.Size{W: d.Images[i].Width, H: d.Images[i].Height}
		if sizes[i].W < 1 || sizes[i].H < 1 {
			sizes[i], errs[k] = imaging.Size(d.ImagePath(i), limits)
		}
	})
	for k, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: images[%d]: %w", d.Path, images[k], err)
		}
	}
	return sizes, nil
}

// FillSizes sets the sizes that are not annotated to those of the image files, after applying the EXIF orientation. It returns the
// number of sizes set, and one error per image that cannot be read.
func (d *Dataset) FillSizes() (filled int, unread []error) {
	var unknown []int
	for i, img := range d.Images {
		if img.Width < 1 || img.Height < 1 {
			unknown = append(unknown, i)
		}
	}
	errs := make([]error, len(unknown))
	parallel(len(unknown), func(_ *struct{}, k int) {
		img := &d.Images[unknown[k]]
		size, err := imaging.Size(d.ImagePath(unknown[k]), imaging.Limits{})
		if err != nil {
			errs[k] = fmt.Errorf("%s: images[%d]: %w", d.Path, unknown[k], err)
			return
		}
		img.Width, img.Height = size.W, size.H
	})
	unread = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	return len(unknown) - len(unread), unread
}
