package detector_test

import (
	"fmt"

	"scalenet/detector"
	"scalenet/engine/cpu"
	"scalenet/imaging"
)

// A model from a file detects objects in an image.
func Example() {
	model, err := detector.Load("../models/bccd.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	dev, err := cpu.New(cpu.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dev.Close()
	d := detector.NewDetector(model, dev, detector.Options{})
	defer d.Close()

	img, err := imaging.Load("../examples/BloodImage_00340.jpg", imaging.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, _, err := d.Detect(img) // one list per image, highest score first
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range found[0][:3] {
		fmt.Printf("%s %.1f %3.0f %3.0f %3.0f %3.0f\n", model.Classes[x.Class-1], x.Score, x.Box.X1, x.Box.Y1, x.Box.X2, x.Box.Y2)
	}
	// Output:
	// RBC 1.0 407  45 518 152
	// RBC 1.0  75 203 172 304
	// RBC 1.0 307 246 423 351
}

// A user's choice of classes, scores and number.
func ExampleChoice() {
	model, err := detector.Load("../models/bccd.safetensors")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = detector.Choice{Classes: []string{"WBX"}}.For(model)
	fmt.Println(err)
	// Output:
	// no class "WBX"; did you mean "WBC"?; there are Platelets, RBC, WBC
}
