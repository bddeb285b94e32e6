package ref

import (
	"scalenet/nn"
)

// preprocess resizes, flips and normalises decoded images.
func preprocess(op nn.Op) (operation, bool) {
	p, ok := op.(nn.Preprocess)
	if !ok {
		return operation{}, false
	}
	transforms := func(in []array) []int32 {
		rows := make([]int32, len(in[1].data))
		for i, v := range in[1].data {
			rows[i] = int32(v)
		}
		return rows
	}
	placed := func(in []array, i int) (nn.ImageTransform, error) {
		var shifts []float32
		for _, a := range in[2:] {
			for _, v := range a.data {
				shifts = append(shifts, float32(v))
			}
		}
		return p.Transform(len(in[0].data), transforms(in), shifts, i)
	}
	return operation{
		check: func(in []array) error {
			for i := range in[1].rows() {
				if _, err := placed(in, i); err != nil {
					return err
				}
			}
			return nil
		},
		run: func(in []array) array {
			y := zeros(in[1].rows(), p.Height, p.Width, 3)
			for i := range y.shape[0] {
				a, _ := placed(in, i)
				for row := range a.Transform.H {
					for column := range a.Transform.W {
						at, from := [2]int{row, column}, [2]int{row, column}
						if a.FlipY {
							at[0] = a.Transform.H - 1 - row
						}
						if a.FlipX {
							at[1] = a.Transform.W - 1 - column
						}
						copy(y.pixel(i, at[0], at[1]), resizedPixel(p, in[0].data[a.At:], a, from[0], from[1]))
					}
				}
			}
			return y
		}}, true
}

// resizedPixel is red, green and blue of a pixel between four of the image, each step in float32.
func resizedPixel(p nn.Preprocess, bgr []float64, a nn.ImageTransform, row, column int) []float64 {
	y0, y1, wy := neighbours(row, a.H, a.Transform.H)
	x0, x1, wx := neighbours(column, a.W, a.Transform.W)
	pixel := make([]float64, 3)
	for c := range pixel {
		value := func(y, x int) float32 {
			return (float32(bgr[(y*a.W+x)*3+2-c])/255 - (p.Mean[c] - a.Shift[c])) / p.Std[c]
		}
		upper := (1-wx)*value(y0, x0) + wx*value(y0, x1)
		lower := (1-wx)*value(y1, x0) + wx*value(y1, x1)
		pixel[c] = float64((1-wy)*upper + wy*lower)
	}
	return pixel
}

// neighbours are the two of n samples that sample i of `to` lies between, and how far it is from the first to the second.
func neighbours(i, n, to int) (lo, hi int, weight float32) {
	centre := (float32(i)+0.5)*(float32(n)/float32(to)) - 0.5
	if centre < 0 {
		centre = 0
	}
	lo = min(int(centre), n-1)
	return lo, min(lo+1, n-1), min(1, centre-float32(lo))
}
