package imaging_test

import (
	"errors"
	"fmt"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// An image, turned upright by its EXIF orientation, becomes the input of a network whose sides are multiples of 32, padded with zeros.
func Example() {
	image, err := imaging.Load("testdata/orientation6.jpg", imaging.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, h := imaging.Fit(image.W, image.H, 60, 100)
	paddedW, paddedH := (w+31)/32*32, (h+31)/32*32
	input := make([]float32, paddedH*paddedW*3) // NHWC, N = 1
	if err := imaging.ImageNet().FillResized(input, paddedW*3, image, raster.Transform{W: w, H: h}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%dx%d became %dx%d in %dx%d\n", image.W, image.H, w, h, paddedW, paddedH)
	// Output: 16x24 became 60x90 in 64x96
}

func ExampleDecode() {
	_, err := imaging.Load("testdata/huge.png", imaging.Limits{})
	fmt.Println(errors.Is(err, imaging.ErrTooLarge))
	fmt.Println(err)
	// Output:
	// true
	// testdata/huge.png: PNG: image too large: 30000x30000 pixels, a side may have 16384
}

func ExampleImage_Draw() {
	image := imaging.New(640, 480)
	err := image.Draw(imaging.Annotation{Box: geom.Box{X1: 100, Y1: 80, X2: 300, Y2: 200}, Text: "WBC 0.97", Class: 1})
	fmt.Println(err, image.At(100, 150) == imaging.ClassColor(1))
	// Output: <nil> true
}
