package coco_test

import (
	"fmt"
	"os"
	"path/filepath"

	"scalenet/coco"
)

// Detections of a model of any kind are measured against a data set.
func Example() {
	dir, err := os.MkdirTemp("", "coco")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "instances.json")
	const instances = `{"images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 80}], "categories": [{"id": 3, "name": "cat"}],
		"annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 10, 40, 40]}]}`
	if err := os.WriteFile(path, []byte(instances), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	data, err := coco.ReadCOCO(path, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	var results coco.Results
	results.Add(7, 3, [4]float64{12, 10, 40, 40}, 0.9)
	e, err := coco.Evaluate(data, &results)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("AP %.2f, AP50 %.2f\n", e.Stats[0], e.Stats[1])
	// Output:
	// AP 0.90, AP50 1.00
}
