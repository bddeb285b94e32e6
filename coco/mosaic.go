package coco

import (
	"image"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// mosaic returns an image of the batch with four pictures around a point in its middle half, as YOLO's Mosaic. Each picture has its own changes and
// touches the point with a corner. What does not fit is cut off, what is not covered has the mean colour. The other three pictures are drawn from
// those of the same shape.
func (l *Loader) mosaic(b *Batch, place, index int, plan *batchPlan, change *augmentation) (s Sample, raw RawImage, err error) {
	random := change.random
	middle := func(side int) int { return side/4 + random.IntN(side/2+1) }
	centre := image.Pt(middle(b.W), middle(b.H))
	whole := imaging.Uniform(b.W, b.H, l.cfg.Normalization.MeanColour())
	for k := range 4 {
		if k > 0 {
			index = plan.all[random.IntN(len(plan.all))]
			other := l.cfg.draw(b.Epoch, otherPlace(place, k))
			change = &other
		}
		p := l.placing(index, plan.shorter, change)
		if k == 0 {
			s = l.newSample(index, p.resized)
			s.Resized = geom.Size{W: b.W, H: b.H}
		} else {
			s.Others = append(s.Others, l.data.Images[index].FileName)
		}
		if p.tile(k, centre, s.Resized); p.part.Empty() {
			continue
		}
		part, err := l.part(b, index, &p, change)
		if err != nil {
			return s, raw, err
		}
		if p.flipX {
			part = part.FlipHorizontal()
		}
		if p.flipY {
			part = part.FlipVertical()
		}
		whole.Paste(p.at.X, p.at.Y, part)
		l.addObjects(&s, index, &p)
	}
	return s, RawImage{whole, raster.Transform{W: b.W, H: b.H}}, nil
}

// tile cuts picture k of a mosaic, upper left, upper right, lower left or lower right, so that its corner is at the centre.
func (p *placing) tile(k int, centre image.Point, batch geom.Size) {
	var fromX, fromY int
	w, h := min(p.resized.W, batch.W-centre.X), min(p.resized.H, batch.H-centre.Y)
	p.at = centre
	if k%2 == 0 {
		w = min(p.resized.W, centre.X)
		fromX, p.at.X = p.resized.W-w, centre.X-w
	}
	if k < 2 {
		h = min(p.resized.H, centre.Y)
		fromY, p.at.Y = p.resized.H-h, centre.Y-h
	}
	p.part = image.Rect(fromX, fromY, fromX+w, fromY+h)
}
