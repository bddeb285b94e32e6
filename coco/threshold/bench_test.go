package threshold

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkChoose has as many images, classes and objects as COCO's val2017, and the detections of a usual detector.
func BenchmarkChoose(b *testing.B) {
	const images, classes, objects, detections = 5000, 80, 36_000, 190_000
	random := rand.New(rand.NewPCG(1, 2))
	var list, names, annotations, results []string
	for i := range images {
		list = append(list, fmt.Sprintf(`{"id": %d}`, i+1))
	}
	for k := range classes {
		names = append(names, fmt.Sprintf(`{"id": %d, "name": "c%d"}`, k+1, k))
	}
	for i := range objects {
		annotations = append(annotations, fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "bbox": [%d, 0, 10, 10]}`, i+1, i%images+1, i%classes+1, 20*(i/images)))
	}
	for i := range detections {
		o := i % (2 * objects) // half of them far from all objects
		results = append(results, fmt.Sprintf(`{"image_id": %d, "category_id": %d, "bbox": [%d, 0, 10, 10], "score": %v}`, o%images+1, o%classes+1, 20*(o/images), random.Float32()))
	}
	gt, dt := open(b, `{"images": [`+strings.Join(list, ",")+`], "categories": [`+strings.Join(names, ",")+`], "annotations": [`+strings.Join(annotations, ",")+`]}`, "["+strings.Join(results, ",")+"]")
	for b.Loop() {
		chosen, err := Choose(gt, dt, Rule{kind: highestF1}, Options{Resamples: 1000})
		require.NoError(b, err)
		require.Equal(b, classes, chosen.Count())
	}
}
