package onnx

import (
	"scalenet/detector"
	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/nn"
)

// frame is a batch of images of one size: as they come, resized, and padded.
type frame struct {
	count             value // of images, a list of one
	original, resized sides
	factor            value // float64, of OpenCVFactor, for which boxes are divided by it; else empty
	images            value // (N, 3, H, W), the network's input
}

// preprocess adds the way from bytes (N, H, W, 3), red first, to the network's input.
func (b *builder) preprocess(m *detector.Model, image value) (f frame) {
	c := m.Config.Input
	f.count, f.original = b.size(image, 0), sides{b.size(image, 2), b.size(image, 1)}
	var factor value
	f.resized, factor = b.fit(c.Rounding, f.original, c.TestShorter, c.TestLongest)
	x := b.transpose(b.cast(image, float32Type), 0, 3, 1, 2)
	if c.Resize == imaging.OpenCVFactor {
		f.factor = factor
	}
	x = b.normalize(b.resizeAs(c.Resize, x, f.original, f.resized, factor), c.Mean, c.Std)
	f.images = b.pad(x, f.resized, f.resized.each(func(v value) value { return b.padTo(m, v) }))
	return f
}

// resizeAs is the resize of a kind of the values of bytes x (N, 3, H, W). Our own normalises before it resizes float32 values, which is the same.
func (b *builder) resizeAs(kind imaging.ResizeKind, x value, from, to sides, factor value) value {
	switch kind {
	case imaging.Pillow:
		return b.pillow(x, to)
	case imaging.OpenCV:
		return b.openCV(x, from, to)
	case imaging.OpenCVFactor:
		return b.scaled(x, from, to, factor)
	}
	return b.resizeTo(x, b.concat(0, to.h, to.w), nn.Bilinear)
}

// normalize is (byte/255 - mean) / std of x (N, 3, H, W).
func (b *builder) normalize(x value, mean, std [3]float32) value {
	channels := func(v [3]float32) value {
		return b.constant(float32Type, []int{3, 1, 1}, []float64{float64(v[0]), float64(v[1]), float64(v[2])})
	}
	x = b.op("Div", x, b.float(255))
	return b.op("Div", b.op("Sub", x, channels(mean)), channels(std))
}

// padTo is detector.Model.PadTo.
func (b *builder) padTo(m *detector.Model, side value) value {
	divisor := m.Config.Input.Divisor
	if divisor > 1 {
		up := b.op("Div", b.op("Add", side, b.ints(divisor-1)), b.ints(divisor))
		side = b.op("Mul", up, b.ints(divisor))
	}
	return b.op("Max", side, b.ints(m.PadTo(1)))
}

// pad adds zeros on the right and below.
func (b *builder) pad(x value, from, to sides) value {
	none := b.ints(0, 0, 0, 0, 0, 0)
	return b.op("Pad", x, b.concat(0, none, b.op("Sub", to.h, from.h), b.op("Sub", to.w, from.w)), b.scalar(b.float(0)))
}

// limit is the largest corner of a box in an image, as float32: (width, height), less a pixel for inclusive boxes.
func (b *builder) limit(s sides, c geom.Convention) value {
	return b.op("Sub", b.cast(b.pair(s), float32Type), b.float(c.Extra()))
}
