package roi

import (
	"fmt"

	"scalenet/geom"
	"scalenet/nn"
)

// Detection is a detected object. Its box is in pixels of the model input, divided by DetectionConfig.Divisor.
type Detection = nn.Detection

// Operation returns the graph operation that post-processes the head's output to at most rows detections per image.
func (c Config) Operation(rows int) nn.Detections { return nn.Detections{Coder: c.coder(), Rows: rows} }

// Limits returns the post-processing parameters for an image of the given size, without padding.
func (d DetectionConfig) Limits(image geom.Size) nn.DetectionLimits {
	return nn.DetectionLimits{Image: image, Score: d.Score, NMSIoU: d.NMSIoU, MinSize: d.MinSize, PerImage: d.PerImage, Divisor: d.Divisor}
}

// Detect returns the detections of one image in descending score, the same as the graph operation's:
//
//   - Apply softmax over the classes, and take the pairs of RoI and class with a score above Score.
//   - Decode their boxes, clip them to the image, and drop boxes with a width or height below MinSize.
//   - Apply NMS within each class, and keep the PerImage highest-scored boxes of all classes.
//
// logits are [R, K+1] and deltas [R, Columns(K)] for the R proposals; classes is K. RoIs with NaN logits or boxes give no detections. Wrong lengths
// are an error.
func (c Config) Detect(proposals []geom.Box, logits, deltas []float32, classes int, image geom.Size) ([]Detection, error) {
	columns := c.Columns(classes)
	if len(logits) != (classes+1)*len(proposals) || len(deltas) != columns*len(proposals) {
		return nil, fmt.Errorf("roi detections: %d proposals and %d classes need %d logits and %d deltas, not %d and %d",
			len(proposals), classes, (classes+1)*len(proposals), columns*len(proposals), len(logits), len(deltas))
	}
	return c.Operation(c.Detections.PerImage).Find(proposals, logits, deltas, c.Detections.Limits(image)), nil
}
