package roi

import (
	"fmt"

	"scalenet/geom"
	"scalenet/nn"
)

// Detection is an object that was found, its box in pixels of the network's
// input.
type Detection = nn.Detection

// Operation decides on detections in a graph, of each image as many as rows at
// most.
func (c Config) Operation(rows int) nn.Detections { return nn.Detections{Coder: c.coder(), Rows: rows} }

// Limits are the numbers of the choice for an image of the given size.
func (d DetectionConfig) Limits(image geom.Size) nn.DetectionLimits {
	return nn.DetectionLimits{Image: image, Score: d.Score, NMSIoU: d.NMSIoU, MinSize: d.MinSize, PerImage: d.PerImage}
}

// Detect turns the output of the box head for one image into detections, the
// best-scored first, as the operation does: softmax over the classes, a box a RoI
// and class scored above Score, decoded and clipped to the image, without a side
// below MinSize, NMS within each class, and the PerImage best of all classes.
//
// logits are [R, K+1], deltas [R, Columns(K)] for the R proposals. RoIs whose
// logits or boxes are no numbers give nothing. An error says which length is wrong.
func (c Config) Detect(proposals []geom.Box, logits, deltas []float32, classes int, image geom.Size) ([]Detection, error) {
	columns := c.Columns(classes)
	if len(logits) != (classes+1)*len(proposals) || len(deltas) != columns*len(proposals) {
		return nil, fmt.Errorf("roi detections: %d proposals and %d classes need %d logits and %d deltas, not %d and %d",
			len(proposals), classes, (classes+1)*len(proposals), columns*len(proposals), len(logits), len(deltas))
	}
	return c.Operation(c.Detections.PerImage).Find(proposals, logits, deltas, c.Detections.Limits(image)), nil
}
