package optest

import (
	"fmt"

	"scalenet/engine"
	"scalenet/nn"
	"scalenet/raster"
)

// images are batches of images that become images.
func preprocess() (cases []Case) {
	type image struct {
		w, h int // of the image
		raster.Transform
	}
	op := nn.Preprocess{Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}, Height: 40, Width: 64}
	add := func(name string, op nn.Preprocess, gap int, list ...image) {
		var rows []float64
		at := gap
		for _, p := range list {
			for _, v := range (nn.ImageTransform{At: at, W: p.w, H: p.h, Transform: p.Transform}).Row() {
				rows = append(rows, float64(v))
			}
			at += 3*p.w*p.h + gap
		}
		transforms := filled(Fill{Kind: Given, Values: rows}, len(list), nn.TransformRow)
		transforms.Type = engine.Int32
		bytes := filled(Fill{Kind: Bytes}, at)
		bytes.Type = engine.UInt8
		cases = append(cases, Case{Name: fmt.Sprintf("Preprocess/%s/%dx%dx%d", name, len(list), op.Height, op.Width), Op: op,
			In: []Input{bytes, transforms}, Tolerance: Rounded})
	}
	to := func(w, h int) raster.Transform { return raster.Transform{W: w, H: h} }
	add("as-it-is", op, 0, image{33, 21, to(33, 21)})
	add("of-different-sizes", op, 5, image{70, 50, to(56, 40)}, image{20, 30, to(26, 40)}, image{64, 40, to(64, 40)}, image{3, 200, to(1, 40)})
	add("larger", op, 0, image{7, 5, to(56, 40)})
	add("much-smaller", op, 1, image{400, 300, to(8, 6)})
	add("one-side-as-it-is", op, 0, image{30, 20, to(30, 40)}, image{30, 20, to(60, 20)})
	add("one-pixel", op, 3, image{1, 1, to(1, 1)}, image{1, 1, to(64, 40)}, image{90, 70, to(1, 1)})
	add("mirrored", op, 2, image{30, 40, raster.Transform{W: 29, H: 39, FlipX: true}}, image{31, 37, raster.Transform{W: 62, H: 33, FlipY: true}},
		image{64, 40, raster.Transform{W: 64, H: 40, FlipX: true, FlipY: true}}, image{50, 90, raster.Transform{W: 17, H: 23, FlipX: true, FlipY: true}})
	plain := nn.Preprocess{Std: [3]float32{1, 1, 1}, Height: 1, Width: 1}
	add("an-image-of-one-pixel", plain, 0, image{5, 4, to(1, 1)})
	add("bands", nn.Preprocess{Mean: op.Mean, Std: op.Std, Height: 200, Width: 32}, 0, image{25, 170, to(31, 190)},
		image{20, 150, raster.Transform{W: 24, H: 131, FlipY: true}})
	add("shifted", op, 4, image{64, 40, to(64, 40)}, image{30, 60, to(20, 40)}, image{3, 5, raster.Transform{W: 7, H: 9, FlipX: true}})
	shifted := &cases[len(cases)-1]
	shifted.In = append(shifted.In, filled(Fill{Kind: Uniform, Low: -0.2, High: 0.2}, 3, 3))
	return cases
}
