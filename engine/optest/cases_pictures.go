package optest

import (
	"fmt"

	"scalenet/engine"
	"scalenet/nn"
	"scalenet/raster"
)

// pictures are batches of pictures that become images.
func pictures() (cases []Case) {
	type picture struct {
		w, h int // of the picture
		raster.Placing
	}
	op := nn.Pictures{Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}, Height: 40, Width: 64}
	add := func(name string, op nn.Pictures, gap int, list ...picture) {
		var rows []float64
		at := gap
		for _, p := range list {
			for _, v := range (nn.Placement{At: at, W: p.w, H: p.h, Placing: p.Placing}).Row() {
				rows = append(rows, float64(v))
			}
			at += 3*p.w*p.h + gap
		}
		placements := filled(Fill{Kind: Given, Values: rows}, len(list), nn.PlacementRow)
		placements.Type = engine.Int32
		bytes := filled(Fill{Kind: Bytes}, at)
		bytes.Type = engine.UInt8
		cases = append(cases, Case{Name: fmt.Sprintf("Pictures/%s/%dx%dx%d", name, len(list), op.Height, op.Width), Op: op,
			In: []Input{bytes, placements}, Tolerance: Rounded})
	}
	to := func(w, h int) raster.Placing { return raster.Placing{W: w, H: h} }
	add("as-it-is", op, 0, picture{33, 21, to(33, 21)})
	add("of-different-sizes", op, 5, picture{70, 50, to(56, 40)}, picture{20, 30, to(26, 40)}, picture{64, 40, to(64, 40)}, picture{3, 200, to(1, 40)})
	add("larger", op, 0, picture{7, 5, to(56, 40)})
	add("much-smaller", op, 1, picture{400, 300, to(8, 6)})
	add("one-side-as-it-is", op, 0, picture{30, 20, to(30, 40)}, picture{30, 20, to(60, 20)})
	add("one-pixel", op, 3, picture{1, 1, to(1, 1)}, picture{1, 1, to(64, 40)}, picture{90, 70, to(1, 1)})
	add("mirrored", op, 2, picture{30, 40, raster.Placing{W: 29, H: 39, FlipX: true}}, picture{31, 37, raster.Placing{W: 62, H: 33, FlipY: true}},
		picture{64, 40, raster.Placing{W: 64, H: 40, FlipX: true, FlipY: true}}, picture{50, 90, raster.Placing{W: 17, H: 23, FlipX: true, FlipY: true}})
	plain := nn.Pictures{Std: [3]float32{1, 1, 1}, Height: 1, Width: 1}
	add("an-image-of-one-pixel", plain, 0, picture{5, 4, to(1, 1)})
	add("bands", nn.Pictures{Mean: op.Mean, Std: op.Std, Height: 200, Width: 32}, 0, picture{25, 170, to(31, 190)},
		picture{20, 150, raster.Placing{W: 24, H: 131, FlipY: true}})
	add("shifted", op, 4, picture{64, 40, to(64, 40)}, picture{30, 60, to(20, 40)}, picture{3, 5, raster.Placing{W: 7, H: 9, FlipX: true}})
	shifted := &cases[len(cases)-1]
	shifted.In = append(shifted.In, filled(Fill{Kind: Uniform, Low: -0.2, High: 0.2}, 3, 3))
	return cases
}
