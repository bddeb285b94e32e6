package view

import (
	"context"
	"image/color"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"scalenet/geom"
	"scalenet/imaging"
)

// Sizes on a sheet in pixels.
const (
	margin        = 10
	letters       = 13
	captionHeight = 22 // below an image
	legend        = 26 // height of a line
)

var (
	white = color.RGBA{255, 255, 255, 255}
	grey  = color.RGBA{225, 225, 225, 255}
	black = color.RGBA{20, 20, 20, 255}
)

// picture is an image of a page, which is drawn in at most w x h pixels.
type picture struct {
	draw    func(w, h int) (*imaging.Image, error)
	caption string
}

// page draws a grid of pictures and the legend. For pictures that cannot be drawn, the error message is. failed is their number, first the first error.
func (o Options) page(ctx context.Context, pictures []picture, key classLegend) (sheet *imaging.Image, failed int, first error, err error) {
	columns := min(o.Columns, len(pictures))
	rows := (len(pictures) + columns - 1) / columns
	width, height := o.Width, o.Width*3/4
	fullWidth := columns*(width+margin) + margin
	lines := key.lines(fullWidth - 2*margin)
	sheet = imaging.New(fullWidth, rows*(height+captionHeight+margin)+margin+lines*legend)
	sheet.Fill(0, 0, sheet.W, sheet.H, white)

	errs := make([]error, len(pictures))
	var g errgroup.Group
	g.SetLimit(o.Workers)
	for k, p := range pictures {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			x, y := margin+k%columns*(width+margin), margin+k/columns*(height+captionHeight+margin)
			sheet.Fill(x, y, x+width, y+height, grey)
			image, err := p.draw(width, height)
			if err != nil {
				errs[k] = err
				if _, err := sheet.Write(x+6, y+height/2, err.Error(), letters, width-12, black); err != nil {
					return err
				}
			} else {
				sheet.Paste(x+(width-image.W)/2, y+(height-image.H)/2, image)
			}
			_, err = sheet.Write(x, y+height+3, p.caption, letters, width, black)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, 0, nil, err
	}
	if err := key.draw(sheet, margin, sheet.H-lines*legend-margin/2, fullWidth-2*margin); err != nil {
		return nil, 0, nil, err
	}
	for _, err := range errs {
		if err != nil {
			if failed++; first == nil {
				first = err
			}
		}
	}
	return sheet, failed, first, nil
}

// object is a box to draw, in pixels of the full image.
type object struct {
	box   geom.Box
	class int
	name  string
}

// crowded is the number of boxes per image from which class labels are drawn only on boxes larger than the label.
const crowded = 5

// drawn returns an image in at most w x h pixels, with boxes, the small ones on top.
func drawn(full *imaging.Image, w, h int, objects []object) (*imaging.Image, error) {
	scale := min(float64(w)/float64(full.W), float64(h)/float64(full.H))
	fit := func(side int) int { return max(1, int(math.Round(float64(side)*scale))) }
	image, err := full.Resize(fit(full.W), fit(full.H))
	if err != nil {
		return nil, err
	}
	if image == full { // not this one, which is the caller's
		image = full.Clone()
	}
	area := func(o object) float32 { return (o.box.X2 - o.box.X1) * (o.box.Y2 - o.box.Y1) }
	slices.SortStableFunc(objects, func(a, b object) int {
		switch x, y := area(a), area(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	sx, sy := float32(image.W)/float32(full.W), float32(image.H)/float32(full.H)
	var boxes []imaging.Annotation
	for _, o := range objects {
		box, text := o.box.Scale(sx, sy), o.name
		if wide := float32(len(text)) * letters * 0.55; len(objects) >= crowded && (box.X2-box.X1 < wide || box.Y2-box.Y1 < letters) {
			text = "" // the colour shows the class
		}
		boxes = append(boxes, imaging.Annotation{Box: box, Text: text, Class: o.class})
	}
	return image, image.DrawSized(2, letters, boxes...)
}
