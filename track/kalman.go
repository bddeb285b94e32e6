package track

import "scalenet/geom"

// filter is the Kalman filter of a box: centre x and y, aspect ratio (width / height) and height, each with a constant velocity.
//
// The reference has one state of eight values. Its noise is diagonal and its motion adds to each value only that value's velocity, so the covariances
// of different values stay 0, and four filters of two values compute the same.
type filter [4]coordinate

// Indices of a filter.
const (
	centreX = iota
	centreY
	aspect
	height
)

// coordinate is a value with its velocity per frame, and their covariance.
type coordinate struct {
	value, velocity float64
	vv, vs, ss      float64 // variance of the value, covariance, variance of the velocity ("speed")
}

// Standard deviations as fractions of the height, and those of the aspect ratio.
const (
	positionNoise = 1. / 20
	velocityNoise = 1. / 160

	aspectNoise         = 1e-2
	aspectVelocityNoise = 1e-5
	aspectMeasureNoise  = 1e-1
)

// measured is a box as a filter sees it.
type measured [4]float64

func measure(b geom.Box) measured {
	x1, y1, x2, y2 := float64(b.X1), float64(b.Y1), float64(b.X2), float64(b.Y2)
	return measured{(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1}
}

func newFilter(m measured) (f filter) {
	for i := range f {
		position, velocity := 2*positionNoise*m[height], 10*velocityNoise*m[height]
		if i == aspect {
			position, velocity = aspectNoise, aspectVelocityNoise
		}
		f[i] = coordinate{value: m[i], vv: position * position, ss: velocity * velocity}
	}
	return f
}

// predict moves the box by one frame. The height of a lost track stays.
func (f *filter) predict(lost bool) {
	if lost {
		f[height].velocity = 0
	}
	h := f[height].value
	for i := range f {
		position, velocity := positionNoise*h, velocityNoise*h
		if i == aspect {
			position, velocity = aspectNoise, aspectVelocityNoise
		}
		c := &f[i]
		c.value += c.velocity
		c.vv += 2*c.vs + c.ss + position*position
		c.vs += c.ss
		c.ss += velocity * velocity
	}
}

// update corrects the prediction by a measured box.
func (f *filter) update(m measured) {
	h := f[height].value
	for i := range f {
		noise := positionNoise * h
		if i == aspect {
			noise = aspectMeasureNoise
		}
		c := &f[i]
		variance := c.vv + noise*noise
		gain, speedGain := c.vv/variance, c.vs/variance
		innovation := m[i] - c.value
		c.value += gain * innovation
		c.velocity += speedGain * innovation
		c.vv -= gain * gain * variance
		c.vs -= gain * speedGain * variance
		c.ss -= speedGain * speedGain * variance
	}
}

// rect is a box in float64: left, top, right, bottom.
type rect [4]float64

func (f *filter) rect() rect {
	h := f[height].value
	w := f[aspect].value * h
	x, y := f[centreX].value-w/2, f[centreY].value-h/2
	return rect{x, y, x + w, y + h}
}

func rectOf(b geom.Box) rect {
	return rect{float64(b.X1), float64(b.Y1), float64(b.X2), float64(b.Y2)}
}

func (r rect) box() geom.Box {
	return geom.Box{X1: float32(r[0]), Y1: float32(r[1]), X2: float32(r[2]), Y2: float32(r[3])}
}

// iou returns the intersection over union, 0 for boxes without area.
func iou(a, b rect) float64 {
	w, h := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	if !(w > 0 && h > 0) {
		return 0
	}
	area := func(r rect) float64 { return (r[2] - r[0]) * (r[3] - r[1]) }
	return w * h / (area(a) + area(b) - w*h)
}
