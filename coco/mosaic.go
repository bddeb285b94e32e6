package coco

import (
	"image"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// mosaic returns an image of the batch with four pictures around a point in its middle half, as YOLO's Mosaic. Each picture has its own changes and
// touches the point with a corner. One that is larger than its quarter is cut at random, as otherwise; YOLO keeps the corner at the point, where objects
// are rare. What is not covered has the mean colour. The other three pictures are drawn from those of the same shape.
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
		quarter := p.tile(k, centre, s.Resized)
		if quarter.W == 0 || quarter.H == 0 {
			continue
		}
		l.cut(&s, index, &p, quarter, change.random)
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
	}
	return s, RawImage{whole, raster.Transform{W: b.W, H: b.H}}, nil
}

// tile moves picture k of a mosaic, upper left, upper right, lower left or lower right, so that its corner is at the centre, and returns the most that
// may be kept of it.
func (p *placing) tile(k int, centre image.Point, batch geom.Size) geom.Size {
	quarter := geom.Size{W: batch.W - centre.X, H: batch.H - centre.Y}
	p.at = centre
	if k%2 == 0 {
		quarter.W = centre.X
		p.at.X -= min(p.resized.W, quarter.W)
	}
	if k < 2 {
		quarter.H = centre.Y
		p.at.Y -= min(p.resized.H, quarter.H)
	}
	return quarter
}
