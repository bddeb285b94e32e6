package detector

import (
	"fmt"

	"scalenet/coco"
	"scalenet/internal/shard"
)

// EvaluatedPart is the kind of the parts that an evaluation with EvaluateOptions.Shard writes.
const EvaluatedPart = "eval"

// MergeParts returns the detections in all parts of an evaluation, in the order of the images: those that one evaluation of all images has.
// An image in two lines is an error. path names the results in errors of their users.
func MergeParts(p *shard.Parts, path string) (*coco.Results, error) {
	results := &coco.Results{Path: path}
	seen := make(map[int64]int, p.Head.Total)
	return results, p.Lines(func(line []byte) error {
		have, err := parsePartialLine(line)
		if err != nil {
			return err
		}
		if other, ok := seen[have.Image]; ok {
			return fmt.Errorf("image_id: image %d has a line already, in %s", have.Image, p.Place(other))
		}
		seen[have.Image] = len(seen)
		have.addTo(results)
		return nil
	})
}
