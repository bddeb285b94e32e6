package classify

import (
	"math"
	"math/rand/v2"

	"scalenet/imaging"
)

// The principal components of ImageNet's colours (RGB in [0, 1]) and their standard
// deviations, for AlexNet's lighting augmentation.
var (
	colourComponents = [3][3]float64{{-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}}
	colourDeviations = [3]float64{0.2175, 0.0188, 0.0045}
)

// trainTransform makes a model input for training: a random crop with random
// augmentation.
func (c *Config) trainTransform(m *imaging.Image, random *rand.Rand) input {
	a := c.Augment
	switch a.Crop {
	case CropResized:
		m = cropResized(m, c.Input.Size, random)
	case CropPad:
		m = cropPadded(c.Input.fit(m), c.Input.Size, a.Pad, random)
	default:
		m = c.Input.centre(m)
	}
	if a.Flip && random.IntN(2) == 1 {
		m = m.FlipHorizontal()
	}
	m = a.distort(m, random)
	in := input{Image: m}
	if a.Lighting > 0 {
		for j, deviation := range colourDeviations {
			amount := random.NormFloat64() * a.Lighting * deviation
			for channel := range in.shift {
				in.shift[channel] += float32(colourComponents[channel][j] * amount)
			}
		}
	}
	return in
}

// testTransform makes a model input for evaluation and prediction: resize and centre crop.
func (c *Config) testTransform(m *imaging.Image) input { return input{Image: c.Input.centre(m)} }

// cropResized is torchvision's RandomResizedCrop: 8 to 100 % of the area, and an aspect
// ratio between 3/4 and 4/3, uniform in its logarithm. If ten samples do not fit into
// the image, it takes the largest centre crop with an allowed aspect ratio.
func cropResized(m *imaging.Image, size int, random *rand.Rand) *imaging.Image {
	least, most := math.Log(3./4), math.Log(4./3)
	for range 10 {
		area := float64(m.W*m.H) * (0.08 + 0.92*random.Float64())
		aspect := math.Exp(least + (most-least)*random.Float64())
		w, h := int(math.Round(math.Sqrt(area*aspect))), int(math.Round(math.Sqrt(area/aspect)))
		if w >= 1 && h >= 1 && w <= m.W && h <= m.H {
			return m.Crop(random.IntN(m.W-w+1), random.IntN(m.H-h+1), w, h).Resample(size, size)
		}
	}
	w, h := m.W, m.H
	if aspect := float64(w) / float64(h); aspect < 3./4 {
		h = max(1, int(math.Round(float64(w)*4/3)))
	} else if aspect > 4./3 {
		w = max(1, int(math.Round(float64(h)*4/3)))
	}
	return m.Crop((m.W-w)/2, (m.H-h)/2, w, h).Resample(size, size)
}

// cropPadded is torchvision's RandomCrop with padding: it adds a black border of pad
// pixels, and takes a random crop of size x size.
func cropPadded(m *imaging.Image, size, pad int, random *rand.Rand) *imaging.Image {
	x := random.IntN(m.W+2*pad-size+1) - pad // position of the crop in the image
	y := random.IntN(m.H+2*pad-size+1) - pad
	out := imaging.New(size, size)
	left, right := max(0, -x), min(size, m.W-x)
	for row := max(0, -y); row < min(size, m.H-y); row++ {
		from := ((y+row)*m.W + x) * 3
		copy(out.Pix[(row*size+left)*3:(row*size+right)*3], m.Pix[from+left*3:])
	}
	return out
}

// distort changes brightness, contrast and saturation, in a random order.
func (a Augment) distort(m *imaging.Image, random *rand.Rand) *imaging.Image {
	changes := []struct {
		amount float64
		apply  func(*imaging.Image, float64) *imaging.Image
	}{
		{a.Brightness, (*imaging.Image).Brightness},
		{a.Contrast, (*imaging.Image).Contrast},
		{a.Saturation, (*imaging.Image).Saturation},
	}
	random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	for _, change := range changes {
		if change.amount > 0 {
			m = change.apply(m, 1+change.amount*(2*random.Float64()-1))
		}
	}
	return m
}

// fit resizes an image so that its shorter side is TestResize. The longer side is
// rounded down, as in torchvision's Resize.
func (in Input) fit(m *imaging.Image) *imaging.Image {
	shorter := min(m.W, m.H)
	if shorter == in.TestResize {
		return m
	}
	return m.Resample(max(m.W*in.TestResize/shorter, in.TestResize), max(m.H*in.TestResize/shorter, in.TestResize))
}

// centre returns the centre crop, Size x Size, of the image resized by fit.
func (in Input) centre(m *imaging.Image) *imaging.Image {
	if m = in.fit(m); m.W == in.Size && m.H == in.Size {
		return m
	}
	half := func(side int) int { return int(math.RoundToEven(float64(side-in.Size) / 2)) }
	return m.Crop(half(m.W), half(m.H), in.Size, in.Size)
}
