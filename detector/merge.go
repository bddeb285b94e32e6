package detector

import (
	"scalenet/coco"
	"scalenet/internal/shard"
)

// EvaluatedPart is the kind of the parts that an evaluation with EvaluateOptions.Shard writes.
const EvaluatedPart = "eval"

// MergeParts returns the detections in all parts of an evaluation, in the order of the images: those that one evaluation of all images has.
// path names the results in errors of their users.
func MergeParts(p *shard.Parts, path string) (*coco.Results, error) {
	results := &coco.Results{Path: path}
	return results, p.Lines(func(line []byte) error {
		have, err := parsePartialLine(line)
		if err == nil {
			have.addTo(results)
		}
		return err
	})
}
