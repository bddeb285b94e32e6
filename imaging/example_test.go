package imaging_test

import (
	"errors"
	"fmt"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/raster"
)

// A picture, turned upright by its EXIF orientation, becomes the input of a network whose sides are multiples of 32, padded with zeros.
func Example() {
	picture, err := imaging.Load("testdata/orientation6.jpg", imaging.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, h := imaging.Fit(picture.W, picture.H, 60, 100)
	paddedW, paddedH := (w+31)/32*32, (h+31)/32*32
	input := make([]float32, paddedH*paddedW*3) // NHWC, N = 1
	if err := imaging.ImageNet().FillResized(input, paddedW*3, picture, raster.Placing{W: w, H: h}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%dx%d became %dx%d in %dx%d\n", picture.W, picture.H, w, h, paddedW, paddedH)
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
	picture := imaging.New(640, 480)
	err := picture.Draw(imaging.Annotation{Box: geom.Box{X1: 100, Y1: 80, X2: 300, Y2: 200}, Text: "WBC 0.97", Class: 1})
	fmt.Println(err, picture.At(100, 150) == imaging.ClassColor(1))
	// Output: <nil> true
}
